"""Measures a training that is saved, stopped and taken up again.

A VAE with two hidden layers of many units each way learns small digits; its state is weights, their
average and two moments of Adam. Data are nothing beside it.
"""

from __future__ import annotations

import contextlib
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
from typing import TypedDict

import torch

from imggen.data.datasets import load
from imggen.methods.vae import VAE, Config
from imggen.runs.folder import RunDir
from imggen.runs.manifest import n_parameters
from imggen.system import early
from imggen.system.errors import Interrupted
from imggen.training import checkpoint
from imggen.training.config import TrainConfig
from imggen.training.loop import Trainer
from imggen.training.writer import Writer

COMMANDS = (("--help",), ("status",), ("evaluate", "digits:test", "digits:train"), ("nonsense",))


def timed(work: Callable[[], object]) -> float:
    """How long it takes."""
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
    """A synchronous torch.save of the same state, without asking the disk to flush."""
    took = timed(lambda: torch.save(trainer.state(), path))
    path.unlink()
    return took


def pauses(trainer: Trainer, rounds: int) -> dict[str, float]:
    """Medians over rounds that alternate between our checkpoint and a plain save."""
    folder = trainer.run.path
    plain, paused, written, busy, free = ([] for _ in range(5))  # type: ignore[var-annotated]
    writer = Writer(folder)
    for _ in range(2):  # Adam's moments come with the first step
        trainer.advance()
    for _ in range(rounds):
        plain.append(plain_save(trainer, folder / "plain.pt"))
        free.append(timed(trainer.advance))
        pause = Pauses(writer)
        trainer.settle = pause.settle
        began = time.perf_counter()
        pause.save(trainer)
        while writer.pending is not None and not writer.pending.done():
            busy.append(timed(trainer.advance))
        writer.wait()
        written.append(time.perf_counter() - began)
        paused.append(pause.total)
    writer.close()
    trainer.settle = lambda: None
    found = {"plain_save": plain, "pause": paused, "written_within": written, "step": free}
    return {name: statistics.median(values) for name, values in found.items()} | {
        "step_while_writing": statistics.median(busy)
    }


MOMENTS = (1 / 6, 3 / 6, 5 / 6)
"""Of a step: when it gets a stop signal."""


def to_safety(trainer: Trainer) -> dict[str, float]:
    """Medians over signals at different moments of a step, and of a step and a write alone."""
    state = trainer.state()
    writes = [timed(lambda: checkpoint.write(trainer.run.path, state)) for _ in MOMENTS]
    step = statistics.median(timed(trainer.advance) for _ in MOMENTS)
    found = [stopped(trainer, moment * step) for moment in MOMENTS]
    return {
        "signal_to_safe": statistics.median(found),
        "step": step,
        "write": statistics.median(writes),
    }


def stopped(trainer: Trainer, after: float) -> float:
    """Seconds to safety from a SIGTERM that comes so long after the third step has begun."""
    advance, sent, left = trainer.advance, list[float](), [2, 1, 0]

    def stop() -> None:
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGTERM)

    def advancing() -> None:
        if left and left.pop(0) == 0:
            threading.Timer(after, stop).start()
        advance()

    trainer.advance = advancing  # type: ignore[method-assign]
    with contextlib.suppress(Interrupted):
        trainer.train(lambda method, step: None)
    trainer.advance = advance  # type: ignore[method-assign]
    return time.perf_counter() - sent[0]


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
    """Seconds from the start of a process to the end of its first step, and of loading data."""
    began = time.time()
    command = [sys.executable, "-c", FIRST_STEP, str(units), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    told = json.loads(done.stdout.splitlines()[-1])
    return {"resume_to_first_step": told["at"] - began, "data": told["data"]}


def first_line(arguments: tuple[str, ...]) -> float:
    """Seconds from the command to the first byte that it says, on a terminal."""
    ours, theirs = os.openpty()
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "imggen", *arguments], stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    os.read(ours, 1)
    took = time.perf_counter() - began
    process.kill()
    process.wait()
    os.close(ours)
    return took


class Seconds(TypedDict):
    """What was measured, each a median in seconds."""

    plain_save: float
    """A plain `torch.save` of the same state, during which training stands still."""
    pause: float
    """How long it stands still for one of our checkpoints."""
    written_within: float
    """From its beginning until it is on the disk and was read back."""
    step: float
    step_while_writing: float
    write: float
    """Of a checkpoint, where nothing else is done."""
    signal_to_safe: float
    """From a stop signal to the checkpoint on the disk."""
    resume_to_first_step: float
    """From the start of a process to the end of its first step, the better of two."""
    data: float
    """Of that, loading the images."""
    first_line: float
    """From `imggen` to the first byte that it says, the slowest of its commands."""


class Measured(TypedDict):
    """All of it, and of how large a state."""

    parameters: int
    bytes: int
    seconds: Seconds


def measure(units: int, rounds: int, folder: Path) -> Measured:
    """All of it, in an empty folder, for hidden layers of `units` each."""
    trainer = make_trainer(units, folder)
    parameters = n_parameters(trainer.method)
    seconds = pauses(trainer, rounds) | to_safety(trainer)
    del trainer
    seconds |= min(
        (resumed(units, folder) for _ in range(2)), key=lambda f: f["resume_to_first_step"]
    )
    seconds["first_line"] = max(min(first_line(command) for _ in range(3)) for command in COMMANDS)
    found = {name: round(value, 4) for name, value in seconds.items()}
    size = (folder / checkpoint.NAME).stat().st_size
    return {"parameters": parameters, "bytes": size, "seconds": Seconds(**found)}  # type: ignore[typeddict-item]
