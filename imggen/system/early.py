"""What a stop signal does while a command still imports its libraries: it ends without a word of
Python, and a cluster may start it again.

Only in the processes of our own commands: whoever imports imggen keeps their own handlers.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from types import FrameType

TRY_AGAIN, INTERRUPTED = 75, 130


def watch() -> None:
    """Handles stop signals if this process is one of our commands, until `run_command` does."""
    program = Path(getattr(sys.modules.get("__main__"), "__file__", None) or "none")
    if program.parent.name == "experiments" or program.name in ("imggen", "imggen.exe"):
        for name in ("SIGTERM", "SIGUSR1", "SIGHUP", "SIGINT"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), _end)


def _end(number: int, frame: FrameType | None) -> None:
    os._exit(INTERRUPTED if number == signal.SIGINT else TRY_AGAIN)
