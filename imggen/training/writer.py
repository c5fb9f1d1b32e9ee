"""Checkpoints that are written while training goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from torch import Tensor

from imggen.system.files import Json
from imggen.training.checkpoint import snapshot, warn, write


def _versions(value: Any) -> Iterator[int]:
    """How often each tensor has been changed in place."""
    if isinstance(value, Tensor):
        yield value._version
    for item in value.values() if isinstance(value, dict) else ():
        yield from _versions(item)
    for item in value if isinstance(value, (list, tuple)) else ():
        yield from _versions(item)


def _refuse_moved(state: Json, versions: list[int]) -> None:
    if list(_versions(state)) != versions:
        raise RuntimeError("weights moved while they were copied or written: call settle() before")


class Writer:
    """Writes checkpoints in a thread, one at a time: training does not wait for the disk.

    Nor does it wait for the copy of its weights: that is made in the thread too, while the next
    step's gradients are computed. Whoever moves weights calls `settle` first.

    A write that fails ends nothing: it is said once, and the next one is tried when it is due.
    """

    def __init__(self, folder: Path, say: Callable[[str], None] = warn) -> None:
        self.folder, self.say = folder, say
        self.executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="checkpoint")
        self.pending: Future[None] | None = None
        self.copy: Json | None = None
        """The last state, whose memory the next copy takes over."""
        self.copied = threading.Event()
        self.copied.set()
        self.failure: OSError | None = None
        """Of the newest checkpoint; None when that is on the disk."""

    def save(
        self,
        state: Json,
        must: bool = True,
        before: Callable[[], None] | None = None,
        still: bool = False,
    ) -> None:
        """Writes `state` soon; until `settle` returns, its tensors must stay as they are.

        Where the one before is still being written, that is waited for if this one `must` be
        written, else this one is left out. `before` writes what the checkpoint takes as written.
        `still`: nothing moves until `wait` returns, so that what is on the CPU is not copied.
        """
        if not must and self.pending is not None and not self.pending.done():
            return
        self._finish()
        try:
            if before is not None:
                before()
        except OSError as error:
            self._failed(error)
            return
        self.copied.clear()
        self.pending = self.executor.submit(
            self._write_still if still else self._copy_and_write, state, list(_versions(state))
        )

    def _copy_and_write(self, state: Json, versions: list[int]) -> None:
        try:
            copy = self.copy = snapshot(state, self.copy)
            _refuse_moved(state, versions)
        finally:
            self.copied.set()
        self._write(copy)

    def _write_still(self, state: Json, versions: list[int]) -> None:
        try:
            copy, self.copy = snapshot(state, self.copy, still=True), None
            self._write(copy, lambda: _refuse_moved(state, versions))
        finally:
            self.copied.set()

    def _write(self, copy: Json, check: Callable[[], None] = lambda: None) -> None:
        try:
            write(self.folder, copy, check)
        except OSError as error:
            self._failed(error)
            return
        if self.failure is not None:
            self.failure = None
            self.say("checkpoints can be written again")

    def _failed(self, error: OSError) -> None:
        if self.failure is None:
            self.say(
                f"can't write {error.filename or self.folder} ({error.strerror}): the checkpoints "
                "before it are whole, and training goes on and tries again"
            )
        self.failure = error

    def settle(self) -> None:
        """Returns when the last state is copied: from now on weights may move."""
        self.copied.wait()

    def _finish(self) -> None:
        if self.pending is not None:
            pending, self.pending = self.pending, None
            pending.result()

    def wait(self) -> None:
        """Returns when the last checkpoint is on the disk. Raises: OSError when it could not be."""
        self._finish()
        if self.failure is not None:
            raise self.failure

    def stopped(self, by: str, step: int) -> str:
        """What to tell after a signal, once the last checkpoint is on the disk or can't be."""
        try:
            self.wait()
        except OSError as error:
            return (
                f"Stopped by {by} at step {step}, and can't write {error.filename} "
                f"({error.strerror}): make room, and the same command goes on from the checkpoint "
                "before."
            )
        return (
            f"Stopped by {by} at step {step} with a checkpoint: the same command goes on from "
            "there."
        )

    def close(self) -> None:
        """Waits for the thread, whatever happened before."""
        self.executor.shutdown(wait=True)
