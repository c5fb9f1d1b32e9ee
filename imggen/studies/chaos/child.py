"""A training as a process: begun, watched, ended, begun again."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from imggen.studies.chaos.start import Process, warm

PATIENCE = 120.0
"""Seconds after which a training that does not move counts as lost."""
POLL = 0.02
EVERY = 1.0
"""Seconds between two points of the timeline."""


HOST = re.compile(r"(?<=\d) on [\w.-]+,(?= which began)")

Way = Callable[[Sequence[str], Path, Path], Process]


class Stuck(Exception):
    """The training did not go on within PATIENCE."""


@dataclass(frozen=True)
class Training:
    """A script of experiments/ on small digits."""

    name: str
    script: str
    flags: tuple[str, ...]
    steps: int

    @property
    def script_path(self) -> str:
        """Of its script in the repository."""
        return f"experiments/{self.script}.py"

    def command(self, folder: Path) -> list[str]:
        """What a person would type after `python`."""
        shared = {"data.name": "digits", "train.steps": str(self.steps), "train.device": "cpu",
                  "train.checkpoint-seconds": "0", "train.log-steps": "10", "train.frames": "6",
                  "run-dir": str(folder)}  # fmt: skip
        flags = [part for name, value in shared.items() for part in (f"--{name}", value)]
        return [
            self.script_path,
            *flags,
            *self.flags,
            "--no-publish",
        ]


@dataclass
class Child:
    """One training in one folder, through all its lives."""

    training: Training
    folder: Path
    repository: Path
    output: Path
    began: float
    """When the study began, by the monotonic clock."""
    points: list[list[float]] = field(default_factory=list)
    """Seconds and step, now and then."""
    process: Process | None = None

    def start(self, way: Way = warm) -> None:
        """Begins the training, or goes on with it."""
        self.process = way(self.training.command(self.folder), self.repository, self.output)

    @property
    def running(self) -> Process:
        """The process; it must have been started."""
        assert self.process is not None
        return self.process

    def seconds(self) -> float:
        """Since the study began."""
        return round(time.monotonic() - self.began, 2)

    def step(self) -> int:
        """The last one that stats.jsonl tells of, 0 before the first."""
        rows = tail(self.folder / "stats.jsonl").splitlines()
        for line in reversed(rows):
            with contextlib.suppress(ValueError, KeyError, TypeError):
                return int(json.loads(line)["step"])
        return 0

    def said(self, since: int) -> str:
        """What the process said after so many bytes of output, without names of this machine."""
        data = self.output.read_bytes()[since:].decode(errors="replace")
        return HOST.sub(" on HOST,", data.replace(str(self.folder), "RUN"))

    def told(self) -> int:
        """Bytes of output so far."""
        return self.output.stat().st_size if self.output.exists() else 0

    def mark(self) -> None:
        """One point of the timeline."""
        self.points.append([self.seconds(), self.step()])

    def wait_until(self, step: int) -> bool:
        """Waits for a step; False when the process ended before.

        Raises: Stuck.
        """
        moved, last = time.monotonic(), -1
        while (now := self.step()) < step:
            if self.running.poll() is not None:
                return False
            if now != last:
                moved, last = time.monotonic(), now
            if time.monotonic() - moved > PATIENCE:
                raise Stuck(f"step {now} for {PATIENCE:.0f} s")
            if not self.points or self.seconds() - self.points[-1][0] > EVERY:
                self.mark()
            time.sleep(POLL)
        return True

    def complains(self, seconds: float) -> bool:
        """Whether it says within so many seconds that it can't write, and not that it can again."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            said = self.said(0).lower()
            if said.rfind("can't write") > said.rfind("can be written again"):
                return True
            time.sleep(POLL)
        return False

    def end(self, number: int) -> int:
        """Sends a signal and waits for the exit code. Raises: Stuck."""
        with contextlib.suppress(ProcessLookupError):
            self.running.send_signal(number)
        return self.wait()

    def wait(self, seconds: float = PATIENCE) -> int:
        """Waits for the exit code. Raises: Stuck when it does not come."""
        try:
            return self.running.wait(seconds)
        except subprocess.TimeoutExpired as error:
            self.running.send_signal(signal.SIGKILL)
            self.running.wait()
            raise Stuck("it did not end") from error


@contextlib.contextmanager
def ended(child: Child) -> Iterator[Child]:
    """Leaves no process behind."""
    try:
        yield child
    finally:
        if child.process is not None:
            child.end(signal.SIGKILL)


def tail(path: Path, size: int = 2000) -> str:
    """The end of a text file; empty where there is none."""
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - size))
            return file.read().decode(errors="replace")
    except OSError:
        return ""
