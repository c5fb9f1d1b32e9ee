"""Files that are either whole or absent."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from pathlib import Path
from typing import Any

from imggen.system.errors import UserError

Json = dict[str, Any]
"""A JSON object."""


def write_bytes(path: Path, data: bytes) -> None:
    """Writes `data` under a temporary name, flushes it to the disk, then renames it into place.

    A crash or a full disk leaves the old file as it was and no half-written one.

    Raises: OSError, with the temporary file removed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = beside(path)
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        flush_folder(path.parent)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if not isinstance(error, OSError):
            raise
        # A failed write knows no file name; the message to the user needs one.
        raise OSError(error.errno, error.strerror, str(path)) from error


def beside(path: Path) -> Path:
    """This process's own temporary name next to a file."""
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def append_bytes(path: Path, data: bytes) -> None:
    """Appends all of `data` or nothing. Raises: OSError, with the file as it was."""
    with open(path, "ab", buffering=0) as file:
        size, rest = os.fstat(file.fileno()).st_size, memoryview(data)
        try:
            while rest:
                rest = rest[file.write(rest) :]
        except OSError as error:
            file.truncate(size)
            raise OSError(error.errno, error.strerror, str(path)) from error


def probe(path: Path) -> None:
    """Makes the file's folder and tries to write there. Raises: OSError when that is impossible."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside(path).touch()
    beside(path).unlink()


def clock_of(folder: Path) -> float:
    """What the clock of the folder's file system says; that of its server, if it has one."""
    fresh = beside(folder / "clock")
    try:
        fresh.touch()
        return fresh.stat().st_mtime
    finally:
        fresh.unlink(missing_ok=True)


def user_cache() -> Path:
    """The user's folder for what can be made or downloaded again."""
    return expand(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "imggen"


def expand(path: str | Path) -> Path:
    """A path with its ~ replaced. Raises: UserError where nobody lives there, as in a container."""
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise UserError(
            f"This machine knows no home folder for {path}: set HOME, or name a folder without ~ "
            "(data: --data.root or IMGGEN_DATA; what is cached: XDG_CACHE_HOME)."
        ) from error


def refuse_unwritable(flag: str, path: Path | None) -> None:
    """Raises UserError when a file can't be written there: before the work, not after it."""
    if path is None:
        return
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        probe(path)
    except OSError as error:
        raise UserError(f"{flag} {path} can't be written ({error.strerror}).") from error


def write_json(path: Path, value: object) -> None:
    """Writes `value` as indented JSON with a final newline; refuses NaN and infinities."""
    write_bytes(path, json_bytes(value))


def flush_folder(folder: Path) -> None:
    """Makes a renaming in a folder survive a power cut, where the system can."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def json_bytes(value: object) -> bytes:
    """`value` as indented JSON with a final newline; ValueError for NaN and infinities."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    return text.encode(errors="replace")  # a folder's name may be bytes of any kind


def sha256_file(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_json(value: object) -> str:
    """Hexadecimal SHA-256 of a value's JSON with sorted keys: equal settings, equal hash."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def parse_json(text: str) -> Any:
    """A value from JSON of whatever origin. Raises: ValueError for anything else, however deep."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("too deep") from error


def read_json(path: Path) -> Json:
    """A JSON object from a file.

    Raises: UserError when the file is missing, cut or not an object.
    """
    try:
        if path.is_fifo():
            raise ValueError("it is a pipe")
        value = parse_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist: is {path.parent} a finished run?") from error
    except (OSError, ValueError) as error:
        raise UserError(f"{path} can't be read as JSON ({error}).") from error
    if not isinstance(value, dict):
        raise UserError(f"{path} holds no JSON object.")
    return value
