"""What a checkpoint of 50 million parameters costs, and how soon a stopped run is safe and back.

    python scripts/benchmark_checkpoint.py [--units 4950] [--rounds 5] [--folder DIR] [--json]

A VAE with two hidden layers of so many units each way learns small digits; its state is weights,
their average and two moments of Adam. Measured are: how long training pauses for a checkpoint,
against a plain `torch.save` of the same state; how much longer the steps take during which it is
written; the time from a stop signal to a checkpoint on the disk, against a step and a write; from
the start of a process to its first step after a resume; and from `imggen` on the command line to
the first line of its output. Exit code 1 when a bar is missed.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from imggen.data.datasets import load
from imggen.methods.vae import VAE, Config
from imggen.runs.folder import RunDir
from imggen.runs.manifest import n_parameters
from imggen.system import early
from imggen.system.device import device_name
from imggen.system.errors import Interrupted
from imggen.training import checkpoint
from imggen.training.config import TrainConfig
from imggen.training.loop import Trainer
from imggen.training.writer import Writer

PAUSE, RESUME, FIRST_LINE = 0.1, 5.0, 1.5
"""Bars: share of a torch.save; seconds; seconds."""
COMMANDS = (("--help",), ("status",), ("evaluate", "digits:test", "digits:train"), ("nonsense",))
REPOSITORY = Path(__file__).resolve().parents[1]


def seconds(work: Callable[[], object]) -> float:
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
        self.total += seconds(self.writer.settle)

    def save(self, trainer: Trainer) -> None:
        """A checkpoint as the loop asks for it."""
        self.total += seconds(lambda: self.writer.save(trainer.state(), must=False))


def plain_save(trainer: Trainer, path: Path) -> float:
    """A synchronous torch.save of the same state, without asking the disk to flush."""
    took = seconds(lambda: torch.save(trainer.state(), path))
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
        free.append(seconds(trainer.advance))
        pause = Pauses(writer)
        trainer.settle = pause.settle
        began = time.perf_counter()
        pause.save(trainer)
        while writer.pending is not None and not writer.pending.done():
            busy.append(seconds(trainer.advance))
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
    """Seconds from a signal during a step to the checkpoint on the disk; of a step, and a write."""
    advance, state = trainer.advance, trainer.state()
    writes = [seconds(lambda: checkpoint.write(trainer.run.path, state)) for _ in MOMENTS]
    step = statistics.median(seconds(advance) for _ in MOMENTS)
    found = []
    for moment in MOMENTS:
        sent: list[float] = []

        def stop(sent: list[float] = sent) -> None:
            sent.append(time.perf_counter())
            os.kill(os.getpid(), signal.SIGTERM)

        timer = threading.Timer(moment * step, stop)
        begun: list[int] = []

        def advancing(timer: threading.Timer = timer, begun: list[int] = begun) -> None:
            begun.append(trainer.step)
            if len(begun) == 3:
                timer.start()
            advance()

        trainer.advance = advancing  # type: ignore[method-assign]
        with contextlib.suppress(Interrupted):
            trainer.train(lambda method, step: None)
        found.append(time.perf_counter() - sent[0])
    trainer.advance = advance  # type: ignore[method-assign]
    return {
        "signal_to_safe": statistics.median(found),
        "step": step,
        "write": statistics.median(writes),
    }


def first_step(units: int, folder: Path) -> None:
    """In a process of its own: resumes, does one step and says when, and how long data took."""
    data = seconds(lambda: load("digits"))
    trainer = make_trainer(units, folder)
    trainer.resume()
    trainer.advance()
    print(json.dumps({"at": time.time(), "data": data, "step": trainer.step}))


def resumed(units: int, folder: Path) -> dict[str, float]:
    """Seconds from the start of a process to the end of its first step, and of loading data."""
    began = time.time()
    command = [sys.executable, __file__, "--units", str(units), "--first-step", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    told = json.loads(done.stdout.splitlines()[-1])
    return {"resume_to_first_step": told["at"] - began, "data": told["data"]}


def first_line(arguments: tuple[str, ...]) -> float:
    """Seconds from the command to the first byte that it says, on a terminal."""
    ours, theirs = os.openpty()
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "imggen", *arguments], cwd=REPOSITORY, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    os.read(ours, 1)
    took = time.perf_counter() - began
    process.kill()
    process.wait()
    os.close(ours)
    return took


def measure(units: int, rounds: int, folder: Path) -> dict[str, Any]:
    """All of it, in seconds."""
    trainer = make_trainer(units, folder)
    found: dict[str, Any] = {
        "device": device_name(torch.device("cpu")),
        "parameters": n_parameters(trainer.method),
        **pauses(trainer, rounds),
        **to_safety(trainer),
    }
    del trainer
    found |= min(
        (resumed(units, folder) for _ in range(2)), key=lambda f: f["resume_to_first_step"]
    )
    lines = {" ".join(command): min(first_line(command) for _ in range(3)) for command in COMMANDS}
    return found | {"first_line": lines}


def bars(found: dict[str, Any]) -> dict[str, tuple[float, float]]:
    """What was promised: found, and at most."""
    return {
        "pause, of a plain torch.save": (found["pause"] / found["plain_save"], PAUSE),
        "s from a signal to a safe checkpoint": (
            found["signal_to_safe"],
            found["step"] + found["write"],
        ),
        "s from resume to first step, without data": (
            found["resume_to_first_step"] - found["data"],
            RESUME,
        ),
        "s from imggen to its first line": (max(found["first_line"].values()), FIRST_LINE),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--units", type=int, default=4950, help="of each hidden layer")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where to write; default a temporary folder")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--first-step", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.first_step:
        gc.set_threshold(early.LASTING)  # as our commands do when they begin
        first_step(options.units, options.first_step)
        return 0
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        found = measure(options.units, options.rounds, Path(folder))
    promised = bars(found)
    if options.json:
        print(json.dumps(found | {"bars": promised}, indent=2))
    else:
        for name, value in found.items():
            print(f"{name:<24}{value}")
        for name, (value, bar) in promised.items():
            print(f"{value:7.3f} {name} (at most {bar:.3f}): {'met' if value <= bar else 'MISSED'}")
    return int(any(value > bar for value, bar in promised.values()))


if __name__ == "__main__":
    sys.exit(main())
