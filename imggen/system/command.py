"""How every command of imggen ends: 0, one sentence and 2, or 75 to be started again."""

from __future__ import annotations

import errno
import os
import sys
import warnings
from collections.abc import Callable
from typing import NoReturn

import torch

from imggen.system import distributed
from imggen.system.errors import Interrupted, UserError

BAD_INPUT = 2
TRY_AGAIN = 75
"""EX_TEMPFAIL: the run saved a checkpoint and wants to be started again."""

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
    try:
        code = command() or 0
    except UserError as error:
        code = _say(str(error))
    except Interrupted as error:
        print(error, file=sys.stderr)
        code = TRY_AGAIN
    except KeyboardInterrupt:
        code = 130
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
    except torch.OutOfMemoryError as error:
        code = _say(f"The device ran out of memory: try a smaller --train.batch-size ({error}).")
    leave(code)


def leave(code: int) -> NoReturn:
    """Ends this process with `code`.

    Of several processes each ends at once: gloo's threads sometimes abort the interpreter while it
    shuts down (seen with torch 2.15), and a finished job would look like a crashed one.
    """
    if distributed.read_environment().size > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _say(sentence: str) -> int:
    print(f"error: {sentence}", file=sys.stderr)
    return BAD_INPUT


def _show_warning(message: Warning | str, category: type, *_: object) -> None:
    print(f"warning: {message}", file=sys.stderr)
