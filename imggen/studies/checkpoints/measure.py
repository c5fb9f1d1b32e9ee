"""Measures a training that is saved, stopped and taken up again.

A VAE with two hidden layers of many units each way learns small digits; its state is weights, their
average and two moments of Adam. Data are nothing beside it.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypedDict

import torch

from imggen.data.datasets import load
from imggen.methods.vae import VAE, Config
from imggen.runs.folder import RunDir
from imggen.runs.manifest import n_parameters
from imggen.system import early
from imggen.system.errors import Interrupted, UserError
from imggen.training import checkpoint, writer
from imggen.training.config import TrainConfig
from imggen.training.loop import Trainer
from imggen.training.writer import Writer

COMMANDS = (("--help",), ("status",), ("evaluate", "digits:test", "digits:train"), ("nonsense",))
MOMENTS = (0.1, 0.3, 0.5, 0.7, 0.9)
"""Of a step: when it gets a stop signal."""
SIGNAL = signal.SIGUSR1
STARTS, CALLS = 2, 3
"""How often a process is started, and each command called: the quickest counts."""


class Seconds(TypedDict):
    """What was measured, in seconds."""

    plain_save: float
    """Median: a plain `torch.save` of the same state, during which training stands still."""
    pause: float
    """Median: how long it stands still for one of our checkpoints."""
    written_within: float
    """Median: from its beginning until it is on the disk and was read back."""
    step: float
    """Median, between checkpoints."""
    step_while_writing: float
    """Median."""
    signal_to_safe: float
    """Median: from a stop signal during a step to the checkpoint on the disk."""
    write: float
    """Median: what the writing of that checkpoint takes of it."""
    beyond_the_write: float
    """Median: the rest of it."""
    step_alone: float
    """Median, before each of those signals."""
    resume_to_first_step: float
    """The better of two: from the start of a process to the end of its first step."""
    data: float
    """Of that, loading the images."""
    import_torch: float
    """The better of two: from the start of a process to torch, and nothing else."""
    first_line: float
    """From `imggen` to the first byte that it says: the best of three calls of each command, and of
    these the slowest."""


class Measured(TypedDict):
    """All of it, and of how large a state."""

    parameters: int
    bytes: int
    seconds: Seconds


def timed(work: Callable[[], object]) -> float:
    """How long it takes, in seconds."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def make_trainer(units: int, folder: Path, steps: int = 10**6) -> Trainer:
    """A VAE of two hidden layers of `units` each, both ways, on small digits."""
    run = RunDir(folder)
    run.create()
    config = TrainConfig(steps=steps, batch_size=16, device="cpu", frames=0, log_steps=10**6)
    method = Config(hidden=(units, units))
    return Trainer(lambda spec: VAE(method, spec), load("digits"), config, run, {"units": units})


class Pauses:
    """Adds up how long training stands still for a checkpoint: its call, and waiting to move."""

    def __init__(self, writer: Writer) -> None:
        self.writer, self.total = writer, 0.0

    def settle(self) -> None:
        """In place of the writer's, which it calls."""
        self.total += timed(self.writer.settle)

    def save(self, trainer: Trainer) -> None:
        """A checkpoint as the loop asks for it."""
        self.total += timed(lambda: self.writer.save(trainer.state(), must=False))


def plain_save(trainer: Trainer, path: Path) -> float:
    """A synchronous torch.save of the same state, without asking the disk to flush.

    Raises: UserError where there is no room for it.
    """
    try:
        return timed(lambda: torch.save(trainer.state(), path))
    except RuntimeError as error:  # torch's own, of a disk that is full
        raise UserError(f"{path} can't be written: is there room for it?") from error
    finally:
        path.unlink(missing_ok=True)


def pauses(trainer: Trainer, rounds: int) -> dict[str, float]:
    """Medians over rounds that alternate between our checkpoint and a plain save."""
    found: dict[str, list[float]] = {}
    writing = Writer(trainer.run.path)

    def add(name: str, seconds: float) -> None:
        found.setdefault(name, []).append(seconds)

    try:
        for _ in range(2):  # Adam's moments come with the first step
            trainer.advance()
        for number in range(1, rounds + 1):
            print(f"saving {number} of {rounds}", flush=True)
            add("plain_save", plain_save(trainer, trainer.run.path / "plain.pt"))
            add("step", timed(trainer.advance))
            pause, began = Pauses(writing), time.perf_counter()
            trainer.settle = pause.settle
            pause.save(trainer)
            add("step_while_writing", timed(trainer.advance))
            while writing.pending is not None and not writing.pending.done():
                add("step_while_writing", timed(trainer.advance))
            writing.wait()
            add("written_within", time.perf_counter() - began)
            add("pause", pause.total)
    finally:
        writing.close()
        trainer.settle = lambda: None
    return {name: statistics.median(values) for name, values in found.items()}


def to_safety(trainer: Trainer) -> dict[str, float]:
    """Medians over signals at different moments of a step."""
    found: dict[str, list[float]] = {name: [] for name in (
        "step_alone", "signal_to_safe", "write", "beyond_the_write")}  # fmt: skip
    for number, moment in enumerate(MOMENTS, start=1):
        print(f"stopping {number} of {len(MOMENTS)}", flush=True)
        step = timed(trainer.advance)
        safe, write = stopped(trainer, moment * step)
        for name, value in zip(found, (step, safe, write, safe - write), strict=True):
            found[name].append(value)
    return {name: statistics.median(values) for name, values in found.items()}


def stopped(trainer: Trainer, after: float) -> tuple[float, float]:
    """Seconds to safety from a stop signal that comes so long after the third step has begun.

    Returns: these, and how many of them the writing took.

    Raises: Interrupted by somebody else's signal, or where the checkpoint could not be written.
    """
    advance, sent, left = trainer.advance, list[float](), [2, 1, 0]
    write, writes = writer.write, list[float]()

    def stop() -> None:
        sent.append(time.perf_counter())
        os.kill(os.getpid(), SIGNAL)

    def advancing() -> None:
        if left and left.pop(0) == 0:
            timer.start()
        advance()

    def writing(*arguments: Any) -> None:
        writes.append(timed(lambda: write(*arguments)))

    timer = threading.Timer(after, stop)
    writer.write = writing  # type: ignore[assignment]
    trainer.advance = advancing  # type: ignore[method-assign]
    try:
        trainer.train(lambda method, step: None)
    except Interrupted as error:
        seconds = time.perf_counter() - sent[0] if sent else 0.0
        expected = f"Stopped by {SIGNAL.name} at step {trainer.step} with a checkpoint"
        if not sent or not str(error).startswith(expected):
            raise
        return seconds, writes[-1]
    finally:
        timer.cancel()
        writer.write = write
        trainer.advance = advance  # type: ignore[method-assign]
    raise AssertionError("it was not stopped")


FIRST_STEP = f"""
import gc, pathlib, sys
gc.set_threshold({early.LASTING})
from imggen.studies.checkpoints import measure
measure.first_step(int(sys.argv[1]), pathlib.Path(sys.argv[2]))
"""
"""What a process does; like our commands it seldom looks for garbage."""


def first_step(units: int, folder: Path) -> None:
    """In a process of its own: resumes, does one step and says when, and how long data took."""
    data = timed(lambda: load("digits"))
    trainer = make_trainer(units, folder)
    trainer.resume()
    trainer.advance()
    print(json.dumps({"at": time.time(), "data": data, "step": trainer.step}))


def resumed(units: int, folder: Path) -> dict[str, float]:
    """Seconds from the start of a process to the end of its first step, and of loading data.

    Raises: UserError with its last words when it fails.
    """
    began = time.time()
    command = [sys.executable, "-c", FIRST_STEP, str(units), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        last = done.stderr.strip().split("\n")[-1] or "no reason given"
        raise UserError(f"A process that goes on ended with {done.returncode} ({last}).")
    told = json.loads(done.stdout.splitlines()[-1])
    return {"resume_to_first_step": told["at"] - began, "data": told["data"]}


def import_torch() -> float:
    """Seconds that a process takes which does nothing else."""
    command = [sys.executable, "-c", "import torch, os; os._exit(0)"]
    return timed(lambda: subprocess.run(command, check=True))


def first_line(arguments: tuple[str, ...]) -> float:
    """Seconds from the command to the first byte that it says, on a terminal."""
    ours, theirs = os.openpty()
    began = time.perf_counter()
    command = [sys.executable, "-m", "imggen", *arguments]
    with subprocess.Popen(command, stdout=theirs, stderr=theirs) as process:
        try:
            os.read(ours, 1)
            return time.perf_counter() - began
        finally:
            process.kill()
            os.close(theirs)
            os.close(ours)


def measure(units: int, rounds: int, folder: Path) -> Measured:
    """All of it, in an empty folder, for hidden layers of `units` each."""
    trainer = make_trainer(units, folder)
    parameters = n_parameters(trainer.method)
    seconds = pauses(trainer, rounds)
    seconds |= to_safety(trainer)
    del trainer
    print("starting again", flush=True)
    starts = [resumed(units, folder) for _ in range(STARTS)]
    seconds |= min(starts, key=lambda found: found["resume_to_first_step"])
    seconds["import_torch"] = min(import_torch() for _ in range(STARTS))
    seconds["first_line"] = max(
        min(first_line(command) for _ in range(CALLS)) for command in COMMANDS
    )
    found = {name: float(f"{value:.4g}") for name, value in seconds.items()}
    size = (folder / checkpoint.NAME).stat().st_size
    return {"parameters": parameters, "bytes": size, "seconds": Seconds(**found)}  # type: ignore[typeddict-item]
