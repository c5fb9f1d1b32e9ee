"""A run directory: what was asked, what happened, and what came out."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

from imggen.system import locks
from imggen.system.errors import Interrupted, UserError
from imggen.system.files import (
    Json,
    append_bytes,
    parse_json,
    probe,
    read_json,
    write_bytes,
    write_json,
)

FAILED, STOPPED = "failed: ", "Stopped by "
"""How the last line of a log begins where a run did not end well."""
MOST = 2**63
"""More than any number that a row may hold and be counted with."""


class RunDir:
    """The files of a run: manifest, statistics, checkpoints, weights, log and frames."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.manifest = path / "manifest.json"
        self.stats = path / "stats.jsonl"
        self.weights = path / "weights.safetensors"
        self.frames = path / "frames"
        self.log_file = path / "log.txt"
        self.waiting: list[tuple[Path, bytes]] = []
        """Rows and frames that a full disk did not take."""

    def create(self) -> None:
        """Makes the folders.

        Raises: UserError when the path is a file or not writable, or a file of a run is none.
        """
        try:
            self.frames.mkdir(parents=True, exist_ok=True)
            probe(self.stats)
        except OSError as error:
            raise UserError(
                f"Can't write to the run directory {self.path} ({error.strerror}): choose another "
                "one with --run-dir."
            ) from error
        for path in (self.manifest, self.stats, self.weights, self.log_file):
            if path.exists() and not path.is_file():  # a pipe, say, at which one waits for ever
                raise UserError(f"{path} is no file: remove it, or choose another --run-dir.")

    def log(self, line: str) -> None:
        """Prints a line and appends it to log.txt."""
        with contextlib.suppress(OSError):  # the terminal was closed: the run is worth more
            print(line, flush=True)
        self.note(line)

    def note(self, line: str) -> None:
        """Appends a line to log.txt."""
        data = (line + "\n").encode(errors="replace")  # a folder's name may be bytes of any kind
        with contextlib.suppress(OSError), open(self.log_file, "ab") as file:
            file.write(data)

    def append_stats(self, row: dict[str, float]) -> None:
        """Appends one JSON line to stats.jsonl, now or when the disk takes it."""
        self._keep(self.stats, (json.dumps(row) + "\n").encode())

    def add_frame(self, step: int, png: bytes) -> None:
        """Keeps a picture of the training, now or when the disk takes it."""
        self._keep(self.frames / f"step-{step:08d}.png", png)

    def _keep(self, path: Path, data: bytes) -> None:
        self.waiting.append((path, data))
        with contextlib.suppress(OSError):  # training goes on; a checkpoint calls `flush` first
            self.flush()

    def flush(self) -> None:
        """Writes what waits, in its order. Raises: OSError when the disk does not take it."""
        while self.waiting:
            path, data = self.waiting[0]
            (append_bytes if path == self.stats else write_bytes)(path, data)
            del self.waiting[0]

    def read_stats(self) -> list[dict[str, float]]:
        """The rows of stats.jsonl; a last line cut by a crash is left out."""
        rows = []
        if self.stats.exists():
            for line in self.stats.read_text(encoding="utf-8", errors="replace").splitlines():
                row = _row(line)
                if row is None:
                    break
                rows.append(row)
        return rows

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other processes out of this folder inside the block, and notes a bad end.

        Raises: UserError when one is in it.
        """
        with locks.locked(self.path, "wait until it ends, or choose another --run-dir"):
            try:
                yield
            except UserError as error:
                self._ended(f"{FAILED}{error}")
                raise
            except Interrupted as error:
                self._ended(str(error))
                raise
            except Exception as error:
                self._ended(f"{FAILED}{type(error).__name__}: {error}")
                raise

    def _ended(self, line: str) -> None:
        with contextlib.suppress(OSError):  # the disk is full, say, which is told already
            self.note(" ".join(line.split()))

    def frame_files(self) -> list[Path]:
        """The pictures of the training, in order."""
        return sorted(p for p in self.frames.glob("step-*.png") if p.stem[5:].isdecimal())

    def rewind(self, step: int) -> None:
        """Forgets rows and frames after `step`: they will be made again, the same."""
        rows = [row for row in self.read_stats() if row["step"] <= step]
        write_bytes(self.stats, "".join(json.dumps(row) + "\n" for row in rows).encode())
        for frame in self.frame_files():
            if int(frame.stem.removeprefix("step-")) > step:
                frame.unlink()
        for left in (*self.path.glob(".*.tmp"), *self.frames.glob(".*.tmp")):
            left.unlink(missing_ok=True)  # of a process that was killed while it wrote

    def read_manifest(self) -> Json:
        """manifest.json.

        Raises: UserError when it is missing or not JSON.
        """
        return read_json(self.manifest)

    def write_manifest(self, manifest: Json) -> None:
        """Writes manifest.json atomically."""
        write_json(self.manifest, manifest)


def _row(line: str) -> dict[str, float] | None:
    """A row of statistics, None for anything else."""
    try:
        row = parse_json(line)
    except ValueError:
        return None
    numbers = isinstance(row, dict) and all(map(_is_number, row.values()))
    return row if numbers and isinstance(row.get("step"), int) else None


def _is_number(value: object) -> bool:
    return isinstance(value, float) or (isinstance(value, int) and abs(value) < MOST)
