"""One file that holds a run, written so that no crash can lose the last good one."""

from __future__ import annotations

import io
import os
import warnings
import zipfile
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from imggen.runs.settings import differences
from imggen.system.errors import UserError
from imggen.system.files import Json, flush_folder, write_bytes

NAME = "checkpoint.pt"
PREVIOUS = "checkpoint-previous.pt"


def snapshot(value: Any) -> Any:
    """A copy of nested dicts and lists whose tensors are cloned on the CPU."""
    if isinstance(value, Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, dict):
        return {key: snapshot(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(snapshot(item) for item in value)
    return value


def write(folder: Path, state: Json) -> None:
    """Writes `state` as folder/checkpoint.pt and keeps the one before as checkpoint-previous.pt.

    Raises: OSError when the disk is full or the folder is not writable; both old files are intact.
    """
    buffer = io.BytesIO()
    torch.save(state, buffer)
    fresh = folder / "checkpoint-next.pt"
    write_bytes(fresh, buffer.getvalue())
    # At every instant at least one of the two names holds a whole checkpoint.
    if (folder / NAME).exists():
        os.replace(folder / NAME, folder / PREVIOUS)
    os.replace(fresh, folder / NAME)
    flush_folder(folder)


def read(path: Path) -> Json:
    """The state in one checkpoint file, after its checksums are verified.

    Raises: UserError when the file is truncated, corrupt or not a checkpoint of ours.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        if damaged is not None:
            raise zipfile.BadZipFile(f"bad checksum of {damaged}")
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (zipfile.BadZipFile, EOFError, RuntimeError, ValueError, KeyError) as error:
        raise UserError(f"Checkpoint {path} is truncated or corrupt ({error}).") from error
    except Exception as error:  # pickle.UnpicklingError and whatever a crafted file provokes
        raise UserError(f"{path} is not a checkpoint of imggen ({error}).") from error
    if not isinstance(state, dict) or "step" not in state or "identity" not in state:
        raise UserError(f"{path} is not a checkpoint of imggen (it has no step or identity).")
    return state


def read_latest(folder: Path) -> Json | None:
    """The newest whole checkpoint in `folder`, or None when there is none.

    A damaged one is reported and the previous one is used instead.

    Raises: UserError when checkpoints exist and none is readable.
    """
    failures = []
    for name in (NAME, PREVIOUS):
        if not (folder / name).exists():
            continue
        try:
            state = read(folder / name)
        except UserError as error:
            failures.append(str(error))
            continue
        for failure in failures:
            warnings.warn(f"{failure} Resuming from {name} instead.", stacklevel=2)
        return state
    if failures:
        raise UserError(
            f"{' '.join(failures)} No other checkpoint is left in {folder}: delete its checkpoint "
            "files to start again, or choose another --run-dir."
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


class Writer:
    """Writes checkpoints in a thread, one at a time: training does not wait for the disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="checkpoint")
        self.pending: Future[None] | None = None

    def save(self, state: Json) -> None:
        """Copies `state` now and writes it soon. Raises what the write before raised."""
        self.wait()
        self.pending = self.executor.submit(write, self.folder, snapshot(state))

    def wait(self) -> None:
        """Returns when the last checkpoint is on the disk; raises what its write raised."""
        if self.pending is not None:
            pending, self.pending = self.pending, None
            pending.result()

    def close(self) -> None:
        """Waits for the thread, whatever happened before."""
        self.executor.shutdown(wait=True)
