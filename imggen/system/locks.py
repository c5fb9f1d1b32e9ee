"""One process at a time in a folder, also where several machines share its file system.

The system's own lock (flock) is the truth between processes of one machine: it falls with its
process, however that ends. Between machines it is not: some network file systems keep it to each
machine, others keep that of a lost machine for minutes. So whoever holds the lock also touches its
file every BEAT seconds. A lock of another machine whose file stands still for STALE seconds is that
of a dead process. Its file is touched by the file system's clock and watched by ours: the clocks of
two machines are never compared.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import socket
import threading
import time
import uuid
import warnings
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

from imggen.system.errors import UserError
from imggen.system.files import Json, beside, clock_of, parse_json

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

NAME = "lock"
BEAT, STALE = 10.0, 60.0
"""Seconds between two signs of life, and without one until a process of elsewhere is dead."""
POLL = 1.0
TAKEN_OVER = 2
"""How a process ends that stood still for so long that another one took its folder."""


@contextlib.contextmanager
def locked(folder: Path, hint: str) -> Iterator[None]:
    """Holds the folder's lock inside the block.

    A lock that a process of another machine seems to hold is watched for up to STALE seconds.

    Raises: UserError that names who holds it, and then gives `hint`.
    """
    held = {**_me(), "begun": _now(), "token": uuid.uuid4().hex}
    with _take(folder, hint, held) as file:
        _write(folder / NAME, file, held)
        done = threading.Event()
        threading.Thread(target=_beat, args=(folder / NAME, held, done), daemon=True).start()
        try:
            yield
        finally:
            done.set()
            with contextlib.suppress(OSError):
                if _holder(folder) == held:
                    _write(folder / NAME, file, held | {"ended": _now()})


def is_held(folder: Path) -> bool:
    """Whether a process seems to work in the folder now: a look, which touches nothing.

    Of another machine, clocks are compared after all: nobody decides anything by this.
    """
    path = folder / NAME
    holder = _holder(folder) if path.is_file() else None  # a pipe might never say anything
    if holder is None or "host" not in holder or "ended" in holder:
        return False
    try:
        if not _here(holder):
            return time.time() - path.stat().st_mtime < STALE
        if not _is_alive(holder.get("pid")):
            return False
        # Its number may have gone to another process since: only the lock itself tells.
        with open(path, "rb", buffering=0) as file:
            return _flock(file) is not True
    except OSError:  # gone meanwhile
        return False


def _is_alive(pid: object) -> bool:
    """Whether a process of this machine has that number."""
    if not isinstance(pid, int) or pid < 1:
        return False
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True


def _take(folder: Path, hint: str, held: Json) -> FileIO:
    """The open lock file, ours. Raises: UserError when somebody else is alive."""
    path = folder / NAME
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise UserError(f"{path} is no file that can be locked: remove it.")
    while True:
        with contextlib.ExitStack() as failed:
            file = failed.enter_context(open(path, "ab+", buffering=0))
            free, holder = _flock(file), _holder(folder)
            if not _same(file, path):  # somebody replaced it at this moment
                continue
            known = holder is not None and "ended" not in holder
            if free is False and (not known or _here(holder)):
                raise UserError(f"{folder} is in use by {_told(holder)}: {hint}.")
            if known and not (free and _here(holder)):
                _watch(folder, holder, hint)
                if free is not True:
                    if (fresh := _replaced(path, held)) is None:
                        continue
                    return fresh
            failed.pop_all()
            return file


def _watch(folder: Path, holder: Json | None, hint: str) -> None:
    """Returns when the lock's holder, of another machine, is dead.

    Raises: UserError at its first sign of life.
    """
    path = folder / NAME
    began, first = time.monotonic(), path.stat().st_mtime_ns
    age = max(0.0, clock_of(folder) - first / 1e9)
    if age < STALE:
        warnings.warn(
            f"{folder} is locked by {_told(holder)}: waiting for a sign of life, up to "
            f"{STALE - age:.0f} s.",
            stacklevel=4,
        )
    while age + time.monotonic() - began < STALE:
        time.sleep(POLL)
        # Reading comes first: opening a file makes a network file system ask its server.
        if (now := _holder(folder)) is not None and "ended" in now:
            return
        if now != holder or path.stat().st_mtime_ns != first:
            raise UserError(f"{folder} is in use by {_told(now)}: {hint}.")


def _flock(file: FileIO) -> bool | None:
    """Whether the system's lock is ours now; None where there are none."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _replaced(path: Path, held: Json) -> FileIO | None:
    """A new lock file in place of one whose holder is dead, though its system may not know.

    None when somebody else did the same at this moment, and later.
    """
    fresh = beside(path)
    file = open(fresh, "ab+", buffering=0)  # noqa: SIM115 (open for as long as we hold it)
    _flock(file)
    _write(fresh, file, held)
    os.replace(fresh, path)
    time.sleep(POLL)
    if _same(file, path):
        return file
    file.close()
    return None


def _same(file: FileIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _write(path: Path, file: FileIO, held: Json) -> None:
    """Says in the lock file who holds it. Raises: OSError with its name."""
    try:
        file.truncate(0)
        file.write(json.dumps(held).encode())
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def _me() -> Json:
    return {"host": socket.gethostname(), "pid": os.getpid(), "kernel": _kernel()}


def _here(holder: Json | None) -> bool:
    """Whether a holder lives on this machine, where the system's lock is the truth."""
    one, other = holder or {}, _me()
    key = "kernel" if one.get("kernel") and other["kernel"] else "host"
    return one.get(key) == other[key]


def _kernel() -> str | None:
    """What tells this start of this machine from all others, where the system says it."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None


def _now() -> str:
    return datetime.datetime.now().astimezone().isoformat(timespec="seconds")


def _beat(path: Path, held: Json, done: threading.Event) -> None:
    """Touches the lock file until `done`; ends the process when somebody else took the lock.

    That happens to one that stood still for more than STALE seconds where the system's locks do not
    reach: it must not write into the folder any more.
    """
    while not done.wait(BEAT):
        holder = _holder(path.parent)
        if holder is not None and holder.get("token") not in (None, held["token"]):
            with contextlib.suppress(OSError):
                os.write(2, f"error: {path.parent} was taken over by {_told(holder)}.\n".encode())
            os._exit(TAKEN_OVER)
        with contextlib.suppress(OSError):
            os.utime(path)


def _holder(folder: Path) -> Json | None:
    """What the lock file says; None when it says nothing that one can read."""
    try:
        held = parse_json((folder / NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return held if isinstance(held, dict) else None


def _told(holder: Json | None) -> str:
    if holder is None or not {"pid", "host", "begun"} <= holder.keys():
        return "another process"
    return f"process {holder['pid']} on {holder['host']}, which began at {holder['begun']}"
