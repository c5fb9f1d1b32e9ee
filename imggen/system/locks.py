"""One process at a time in a folder."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from imggen.system.errors import UserError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

NAME = "lock"


@contextlib.contextmanager
def locked(folder: Path, hint: str) -> Iterator[None]:
    """Holds the folder's lock inside the block.

    The system lets go of it when the process ends, however it ends: a lock of a dead process never
    blocks. Where the file system knows no locks nothing is locked.

    Raises: UserError that names who holds it, and then gives `hint`.
    """
    with open(folder / NAME, "a+", encoding="utf-8") as file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise UserError(f"{folder} is in use by {_holder(folder)}: {hint}.") from error
            except OSError:
                pass
        file.truncate(0)
        begun = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
        json.dump({"host": socket.gethostname(), "pid": os.getpid(), "begun": begun}, file)
        file.flush()
        yield


def _holder(folder: Path) -> str:
    try:
        held = json.loads((folder / NAME).read_text(encoding="utf-8"))
        return f"process {held['pid']} on {held['host']}, which began at {held['begun']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
