"""How every command of imggen ends: 0, one sentence and 2, or 75 to be started again."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from imggen.system import attempts, signals
from imggen.system.early import BAD_INPUT, INTERRUPTED, TRY_AGAIN
from imggen.system.errors import Interrupted, UserError
from imggen.system.world import read_environment

PIPE_CLOSED = 141
"""What a shell reports of a program that SIGPIPE ended."""

UNWRITABLE = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EROFS, errno.EPERM),
    *(errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST),
}
"""What a file system answers when a file can't be written where the user asked."""


def run_command(command: Callable[[], int | None]) -> NoReturn:
    """Runs `command` and exits with its code; what a person can mend becomes one sentence."""
    warnings.showwarning = _show_warning  # type: ignore[assignment]
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that knows no é shows a ?
            stream.reconfigure(errors="replace")
    try:
        with signals.stopping(), signals.handled(("SIGINT",), signal.default_int_handler):
            code = command() or 0
    except UserError as error:
        code = _say(str(error))
    except Interrupted as error:
        _tell(str(error))
        attempts.end(goes_on=True, sentence=str(error))
        code = TRY_AGAIN
    except KeyboardInterrupt:
        attempts.end(goes_on=False, sentence=None)
        code = INTERRUPTED
    except BrokenPipeError:  # whoever read our output, `head` perhaps, has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = PIPE_CLOSED
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        code = _say(
            f"Can't write {error.filename or 'a file'} ({error.strerror}): make room or choose "
            "another folder; the files written before are whole."
        )
    except Exception as error:
        if not _out_of_memory(error):
            attempts.end(goes_on=False, sentence=f"{type(error).__name__}: {error}")
            raise
        first = str(error).strip().split("\n")[0] or "no details"
        code = _say(f"The memory is not enough: try fewer or smaller images at a time ({first}).")
    leave(code)


def _out_of_memory(error: Exception) -> bool:
    """Of Python, of a GPU, or of torch on the CPU, which has no class of its own for it."""
    torch = sys.modules.get("torch")
    kinds = (MemoryError, *([torch.OutOfMemoryError] if torch else []))
    return isinstance(error, kinds) or "DefaultCPUAllocator" in str(error)


def leave(code: int) -> NoReturn:
    """Ends this process with `code`.

    Of several processes each ends at once: gloo's threads sometimes abort the interpreter while it
    shuts down (seen with torch 2.15), and a finished job would look like a crashed one.
    """
    if code == 0:
        attempts.end(goes_on=False, sentence=None)
    if read_environment().size > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _say(sentence: str) -> int:
    _tell(f"error: {sentence}")
    _report(sentence)
    attempts.end(goes_on=False, sentence=sentence)
    return BAD_INPUT


def _report(sentence: str) -> None:
    """Puts the sentence where torchrun looks for the reason of its own long report."""
    if file := os.environ.get("TORCHELASTIC_ERROR_FILE"):
        about = {"message": sentence, "extraInfo": {"timestamp": str(int(time.time()))}}
        with contextlib.suppress(OSError):
            Path(file).write_text(json.dumps({"message": about}), encoding="utf-8")


def _tell(line: str) -> None:
    line = line.replace("\n", "\\n")  # of a file's name: a sentence is one line
    with contextlib.suppress(OSError):  # the terminal may be closed
        print(line, file=sys.stderr, flush=True)


def _show_warning(message: Warning | str, category: type, *_: object) -> None:
    _tell(f"warning: {message}")
