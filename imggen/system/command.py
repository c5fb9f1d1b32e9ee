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
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, TypeVar

from imggen.system import attempts, peers, signals
from imggen.system.early import BAD_INPUT, INTERRUPTED, TRY_AGAIN, refuse
from imggen.system.errors import Interrupted, UserError, one_line
from imggen.system.world import read_environment

T = TypeVar("T")
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
        world = read_environment()
    except UserError as error:
        refuse(error)
    try:
        code, why = _outcome(command)
    except (Exception, SystemExit) as error:
        if world.size == 1:
            empty()
            raise
        code, why = 1, traceback.format_exc()
        if isinstance(error, SystemExit):  # what the command line's reader said is said
            code, why = error.code if isinstance(error.code, int) else 1, ""
    end(code, why)


def _outcome(command: Callable[[], int | None]) -> tuple[int, str]:
    """The exit code of `command`, and the sentence that says why."""
    try:
        with signals.stopping(), signals.handled(("SIGINT",), signal.default_int_handler):
            return command() or 0, ""
    except UserError as error:
        return BAD_INPUT, one_line(str(error))
    except Interrupted as error:
        return TRY_AGAIN, one_line(str(error))
    except KeyboardInterrupt:
        return INTERRUPTED, ""
    except BrokenPipeError:  # whoever read our output, `head` perhaps, has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED, ""
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        return BAD_INPUT, one_line(
            f"Can't write {error.filename or 'a file'} ({error.strerror}): make room or choose "
            "another folder; the files written before are whole."
        )
    except Exception as error:
        if not _out_of_memory(error):
            attempts.end(goes_on=False, sentence=f"{type(error).__name__}: {error}")
            raise
        first = str(error).strip().split("\n")[0] or "no details"
        return BAD_INPUT, (
            f"The memory is not enough: try fewer or smaller images at a time ({first})."
        )


def read_once(parse: Callable[[], T]) -> T:
    """Reads a command line; of several processes one shows its help or says what is wrong."""
    if read_environment().is_main:
        return parse()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return parse()


def end(code: int, why: str = "") -> NoReturn:
    """Ends this process with `code`, and says why; of several processes one says it.

    Of several processes each ends at once: gloo's threads sometimes abort the interpreter while it
    shuts down (seen with torch 2.15), and a finished job would look like a crashed one.
    """
    speaks, code = peers.settle(code) if code else (True, code)
    if code not in (0, TRY_AGAIN, INTERRUPTED, PIPE_CLOSED):
        attempts.end(goes_on=False, sentence=why or f"Another process ended with {code}.")
    else:
        attempts.end(goes_on=code == TRY_AGAIN, sentence=why or None)
    if speaks and why:
        _tell(f"error: {why}" if code == BAD_INPUT else why)
        if code == BAD_INPUT:
            _report(why)
    empty()
    if read_environment().size == 1:
        sys.exit(code)
    peers.leave(code, speaks)


def empty() -> None:
    """Prints what waits to be printed; what nobody takes goes nowhere, without a word of Python."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:  # it was closed before we began
                stream.flush()
        except OSError:
            with contextlib.suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _out_of_memory(error: Exception) -> bool:
    """Of Python, of a GPU, or of torch on the CPU, which has no class of its own for it."""
    torch = sys.modules.get("torch")
    kinds = (MemoryError, *([torch.OutOfMemoryError] if torch else []))
    return isinstance(error, kinds) or "DefaultCPUAllocator" in str(error)


def _report(sentence: str) -> None:
    """Puts the sentence where torchrun looks for the reason of its own long report."""
    if file := os.environ.get("TORCHELASTIC_ERROR_FILE"):
        about = {"message": sentence, "extraInfo": {"timestamp": str(int(time.time()))}}
        with contextlib.suppress(OSError):
            Path(file).write_text(json.dumps({"message": about}), encoding="utf-8")


def _tell(line: str) -> None:
    with contextlib.suppress(OSError):  # the terminal may be closed
        print(line, file=sys.stderr, flush=True)


def _show_warning(message: Warning | str, category: type, *_: object) -> None:
    if read_environment().is_main:
        _tell(one_line(f"warning: {message}"))
