"""Files that hold a run, written so that no crash can lose the last good ones, and verified.

The newest is checkpoint.pt; two older ones stay. Each is written under a temporary name, flushed to
the disk, read back from there and held against its checksums before it takes the newest's place. A
damaged one is put aside when a run resumes, and the one before it is used.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import threading
import warnings
import zipfile
from collections.abc import Callable
from itertools import count, pairwise
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from imggen.methods import Method
from imggen.runs.settings import differences
from imggen.system.errors import UserError
from imggen.system.files import Json, beside, flush_folder

NAMES = ("checkpoint.pt", "checkpoint-previous.pt", "checkpoint-previous-2.pt")
"""The newest first: so many are kept."""
NAME, PREVIOUS = NAMES[:2]
DAMAGED = "checkpoint-damaged"
FORMAT = 2
"""Of what is in a checkpoint. Files without a number are of format 1, and are read like ours."""


class Newer(UserError):
    """A checkpoint of a newer imggen: whole, but not for this one."""


def snapshot(value: Any, into: Any = None, still: bool = False) -> Any:
    """Nested dicts and lists as they are now: their tensors are cloned on the CPU.

    `into` is an earlier copy that nobody needs any more: its memory is used again, since fresh
    memory takes three times as long. `still`: the tensors will not change, so that those which are
    on the CPU already are taken themselves.
    """
    if isinstance(value, Tensor):
        if still and value.device.type == "cpu":
            return value.detach()
        if isinstance(into, Tensor) and (into.shape, into.dtype) == (value.shape, value.dtype):
            return into.copy_(value.detach())
        return value.detach().to("cpu", copy=True)
    if isinstance(value, dict):
        found = into if isinstance(into, dict) else {}
        return {key: snapshot(item, found.get(key), still) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        before = into if isinstance(into, (list, tuple)) else ()
        pairs = itertools.zip_longest(value, before[: len(value)])
        return type(value)(snapshot(item, known, still) for item, known in pairs)
    return value


def held(method: Method) -> dict[str, Tensor]:
    """A state that is copied a little later: the buffers, which a forward pass may change, are
    copied now; parameters stay until an optimizer moves them."""
    moving = {buffer.data_ptr() for buffer in method.buffers()}
    state = method.state_dict()
    return {k: v.clone() if v.data_ptr() in moving else v for k, v in state.items()}


def write(folder: Path, state: Json, check: Callable[[], None] = lambda: None) -> None:
    """Writes `state` as folder/checkpoint.pt, once it has been read back; older ones move on.

    `check` is called just before those do: what it raises is raised, and the new file is gone.

    Raises: OSError when the disk is full, the folder is not writable or the disk gives back
    something else; all old files are intact.
    """
    fresh = beside(folder / NAME)
    try:
        with open(fresh, "wb") as file:
            _save({"format": FORMAT, **state}, file)
            file.flush()
            os.fsync(file.fileno())
        _verify(fresh)
        check()
        _rotate(folder)
        os.replace(fresh, folder / NAME)
        flush_folder(folder)
    except BaseException as error:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)
        if not isinstance(error, OSError):
            raise
        # A failed write knows no file name; the message to the user needs one.
        raise OSError(error.errno, error.strerror, str(folder / NAME)) from error


class _Kept:
    """A file for torch.save, which can't bear that a write fails: the first error is kept."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.error: OSError | None = None

    def write(self, data: memoryview) -> int:
        """Writes, or does as if."""
        try:
            if self.error is None:
                self.file.write(data)
        except OSError as error:
            self.error = error
        return len(data)

    def flush(self) -> None:
        """`write` flushes the file itself."""


def _save(state: Json, file: BinaryIO) -> None:
    """torch.save that raises OSError when the disk is full."""
    kept = _Kept(file)
    torch.save(state, kept)  # type: ignore[arg-type]
    if kept.error is not None:
        raise kept.error


def _verify(path: Path) -> None:
    """Reads a file from the disk and holds it against its checksums, which were taken in memory.

    Raises: OSError when it is not what was written.
    """
    with open(path, "rb") as file:
        if hasattr(os, "posix_fadvise"):  # so that the disk is asked and not the page cache
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        try:
            with zipfile.ZipFile(file) as archive:
                damaged = damaged_part(archive)
        except (OSError, MemoryError):
            raise
        except Exception as error:  # zipfile's own, and whatever else damaged bytes make of it
            damaged = str(error) or type(error).__name__
    if damaged is not None:
        raise OSError(errno.EIO, f"what was written does not read back whole: {damaged}")


def damaged_part(archive: zipfile.ZipFile) -> str | None:
    """Name of a file in an archive that is not what its checksum says, None if all are.

    Two threads share the work, since the end of a training and its return both wait for it. Raises:
    whatever reading raises but `zipfile.BadZipFile`.
    """
    entries, found, failed = archive.infolist(), list[str](), list[Exception]()

    def look(part: list[zipfile.ZipInfo]) -> None:
        try:
            for entry in part:
                if found or failed:
                    return
                with archive.open(entry) as file:
                    while file.read(2**20):
                        pass
        except zipfile.BadZipFile:
            found.append(entry.filename)
        except Exception as error:
            failed.append(error)

    other = threading.Thread(target=look, args=[entries[1::2]])
    try:
        other.start()
    except RuntimeError:  # too many threads, or Python is about to end: then without
        look(entries[1::2])
    look(entries[::2])
    if other.ident is not None:
        other.join()
    if failed and not found:
        raise failed[0]
    return found[0] if found else None


def _rotate(folder: Path) -> None:
    """Moves checkpoints to the next older name, down to the first name that is free.

    At every instant all but the oldest have a name.
    """
    for name in NAMES:
        if (folder / name).is_dir():
            put_aside(folder / name)
    there = list(itertools.takewhile(lambda name: (folder / name).exists(), NAMES))
    for older, newer in pairwise(reversed(NAMES[: len(there) + 1])):
        os.replace(folder / newer, folder / older)


def put_aside(path: Path) -> None:
    """Takes what is no checkpoint out of the way: checkpoint-damaged.pt is the last such file."""
    target = path.with_name(f"{DAMAGED}.pt")
    if path.is_dir() or target.is_dir():
        names = (path.with_name(f"{DAMAGED}-{number}") for number in count(1))
        target = next(name for name in names if not name.exists())
    os.replace(path, target)


def read(path: Path) -> Json:
    """The state in one checkpoint file, after its checksums are verified.

    Raises: UserError when the file is truncated, corrupt, unreadable or not a checkpoint of ours;
    Newer when it is one of a later imggen.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = damaged_part(archive)
        if damaged is not None:
            raise zipfile.BadZipFile(f"bad checksum of {damaged}")
        state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise UserError(f"Checkpoint {path} can't be read ({error.strerror or error}).") from error
    except (zipfile.BadZipFile, EOFError, RuntimeError, ValueError, KeyError) as error:
        raise UserError(f"Checkpoint {path} is truncated or corrupt ({error}).") from error
    except MemoryError:
        raise
    except Exception as error:  # pickle.UnpicklingError and whatever a crafted file provokes
        raise UserError(f"{path} is not a checkpoint of imggen ({error}).") from error
    if not isinstance(state, dict) or "step" not in state or "identity" not in state:
        raise UserError(f"{path} is not a checkpoint of imggen (it has no step or identity).")
    version = state.get("format", 1)
    if type(version) is not int or version < 1:
        raise UserError(f"{path} is not a checkpoint of imggen (its format is {version!r}).")
    if version > FORMAT:
        raise Newer(
            f"{path} was written by a newer imggen (its format is {version}, and this one reads up "
            f"to {FORMAT}): go on with that version, or choose another --run-dir."
        )
    return state


def warn(line: str) -> None:
    """Says a line to whoever has no log."""
    warnings.warn(line, stacklevel=3)


def read_latest(folder: Path, say: Callable[[str], None] = warn, mend: bool = False) -> Json | None:
    """The newest whole checkpoint in `folder`, or None when there is none.

    Of a damaged one it is said that the one before is used; with `mend` it is also put aside.

    Raises: UserError when checkpoints exist and none is readable, or a newer imggen wrote one.
    """
    failures: dict[Path, str] = {}
    for name in NAMES:
        if not (folder / name).exists():
            continue
        try:
            state = read(folder / name)
        except Newer:
            raise
        except UserError as error:
            failures[folder / name] = str(error)
            continue
        for path, failure in failures.items():
            say(f"{failure} Resuming from {name} instead.")
            with contextlib.suppress(OSError):
                if mend:
                    put_aside(path)
        return state
    if failures:
        raise UserError(
            f"{' '.join(failures.values())} No other checkpoint is left in {folder}: delete its "
            "checkpoint files to start again, or choose another --run-dir."
        )
    return None


def refuse_other(saved: Json, asked: Json, folder: Path) -> None:
    """Raises UserError with the differences when two identities differ."""
    phrases = list(differences(saved, asked))
    if phrases:
        raise UserError(
            f"The checkpoint in {folder} belongs to other settings ({'; '.join(phrases)}): "
            "use the same ones, or choose another --run-dir."
        )


def kept_before(step: int, precision: str, folder: Path) -> str:
    """What to tell when a loss became NaN or infinite."""
    also = " or --train.precision fp32" if precision != "fp32" else ""
    return (
        f"A loss or its gradient became NaN or infinite at or before step {step}: the checkpoint "
        f"before it is kept in {folder}; try a smaller learning rate{also}."
    )
