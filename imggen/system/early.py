"""What a stop signal does while a command still imports its libraries: it ends without a word of
Python, and a cluster may start it again. Under a scheduler, also that it began. And how rarely
Python looks for garbage while that lasts.

Only in the processes of our own commands: whoever imports imggen keeps their own handlers.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import os
import re
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import NoReturn

from imggen.system import attempts
from imggen.system.errors import UserError, one_line
from imggen.system.signals import STOP
from imggen.system.world import read_environment

PACKAGE = Path(__file__).resolve().parents[1]
EXPERIMENTS = PACKAGE.parent / "experiments"
TRY_AGAIN = 75
"""EX_TEMPFAIL: the run saved a checkpoint, or had none to save, and wants to be started again."""
BAD_INPUT = 2
"""Nothing that another try would change: no scheduler starts it again."""
HELP = {"-h", "--help"}
"""Asked with one of these a script begins no run."""
LASTING = 10_000
"""Objects between two looks for garbage: 700 are Python's own, and torch makes hundreds of
thousands that all last. A second less until a training begins. It stays so: a step of training
makes little garbage, and each look goes through all that torch has made.
"""
INTERRUPTED = 130
"""What a shell reports of a program that Ctrl-C ended."""


def watch() -> None:
    """Handles stop signals if this process is one of our commands, until `run_command` does."""
    program = Path(getattr(sys.modules.get("__main__"), "__file__", None) or "none").resolve()
    ours = program.parent == EXPERIMENTS or program in (PACKAGE / "cli.py", PACKAGE / "__main__.py")
    ours |= program.name in ("imggen", "imggen.exe") and program.parent == Path(sys.prefix) / "bin"
    if not ours or threading.current_thread() is not threading.main_thread():
        return
    gc.set_threshold(LASTING)
    atexit.register(_leave)
    try:
        size = read_environment().size
    except UserError as error:
        refuse(error)
    if size > 1:  # one message is enough: none of torch's own beside it
        os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    for name in (*STOP, "SIGINT"):
        number = getattr(signal, name, None)
        defaults = (signal.SIG_DFL, signal.default_int_handler)
        if number is not None and signal.getsignal(number) in defaults:
            signal.signal(number, _end)
    if program.parent == EXPERIMENTS:
        _begin(program)


def _leave() -> None:
    """At the end memory goes as a whole: looking through it once more takes a second.

    Where Triton was imported that look is needed: it complains of whatever was not freed.
    """
    if "triton._C" not in sys.modules:
        gc.freeze()


def _begin(program: Path) -> None:
    """Under SLURM, writes into the run directory that an attempt begins."""
    if not read_environment().is_main or HELP & {*sys.argv[1:]}:
        return
    try:
        attempts.begin(run_dir(sys.argv[1:]) or usual_run_dir(program))
    except UserError as error:
        attempts.end(goes_on=False, sentence=str(error))
        refuse(error)
    except OSError:
        pass  # the run says it better, when it wants to write there


def refuse(error: UserError) -> NoReturn:
    """Says why, and ends this process."""
    with contextlib.suppress(OSError):
        print(f"error: {one_line(str(error))}", file=sys.stderr, flush=True)
    os._exit(BAD_INPUT)


def run_dir(arguments: list[str]) -> Path | None:
    """What --run-dir names on a command line."""
    for flag, value in zip(arguments, [*arguments[1:], ""], strict=False):
        name, equals, given = flag.replace("_", "-").partition("=")
        if name == "--run-dir" and (given if equals else value):
            return Path(flag.partition("=")[2] if equals else value)
    return None


def usual_run_dir(program: Path) -> Path:
    """Where a script of experiments/ runs that is given no --run-dir: nothing is imported yet."""
    named = re.search(r'\bslug="([\w-]+)"', program.read_text(encoding="utf-8"))
    slug = named[1] if named else program.stem.replace("_", "-")
    return EXPERIMENTS.parent / "runs" / slug


def _end(number: int, frame: FrameType | None) -> None:
    name = signal.Signals(number).name
    attempts.end(goes_on=name != "SIGINT", sentence=f"Stopped by {name}: it still imported.")
    os._exit(INTERRUPTED if number == signal.SIGINT else TRY_AGAIN)
