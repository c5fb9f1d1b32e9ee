"""What test_ranks.py has two processes do, and then one: trainings with the same noise."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from imggen.data import datasets
from imggen.methods import Batch, Spec, vae
from imggen.runs.folder import RunDir
from imggen.system import distributed, peers
from imggen.system.command import run_command
from imggen.system.errors import Interrupted
from imggen.system.seeds import derive_seed
from imggen.system.world import World, read_environment
from imggen.training import loop, writer
from imggen.training.config import TrainConfig

PAPERS = {"gan": "GAN", "r3gan": "R3GAN", "vae": "VAE"}
"""Without BatchNorm: what a step computes of an image depends on no other image."""
STEPS, KILLED_AT, STOPPED_AT = 40, 25, 13


class NoiseOfAll(TorchFunctionMode):
    """Each rank draws the noise of all, and takes its share."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world

    def __torch_function__(self, function, types, args=(), kwargs=None):
        alike = (torch.randn_like, torch.bernoulli)
        if function not in (torch.rand, torch.randn, *alike) or self.world.size == 1:
            return function(*args, **kwargs or {})
        if function in alike:
            whole = function(args[0].repeat(self.world.size, *[1] * (args[0].ndim - 1)))
        else:
            whole = function(args[0] * self.world.size, *args[1:], **kwargs or {})
        return whole.chunk(self.world.size)[self.world.rank]


def trainer(folder: Path, paper: str, kind: Any = None, **settings) -> loop.Trainer:
    """The real loop with a paper's smallest settings, on small digits."""
    module = importlib.import_module(f"imggen.methods.{paper}")
    kind = kind or getattr(module, PAPERS[paper])
    config = TrainConfig(**{"steps": STEPS, "batch_size": 32, "log_steps": 4, "device": "cpu",
                            "frames": 0, **settings})  # fmt: skip
    run = RunDir(folder)
    run.create()
    images = datasets.load("digits", "test")
    return loop.Trainer(lambda spec: kind(module.Config.tiny(), spec), images, config, run, {})


def flat(t: loop.Trainer) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in (*t.method.parameters(), *t.method.buffers())])


def curves(folder: Path) -> None:
    """A training of each paper; its statistics and final weights are left in the folder."""
    world = read_environment()
    loop.derive_seed = lambda kind, *parts: derive_seed(kind, *parts[:2])  # not the rank
    for paper in PAPERS:
        t = trainer(folder / paper, paper)
        with NoiseOfAll(world):
            t.train(lambda method, step: None)
        torch.save(flat(t), folder / paper / f"weights-{world.rank}.pt")
    loop.derive_seed = derive_seed


def killed(folder: Path) -> None:
    """A training that loses a process and a checkpoint; only rank 0 has its files."""
    world, again = read_environment(), int(os.environ["TORCHELASTIC_RESTART_COUNT"])
    own = folder / f"of-rank-{world.rank}"
    if not again:
        t = trainer(own / "whole", "r3gan")
        t.train(lambda method, step: None)
        torch.save(flat(t), folder / f"whole-{world.rank}.pt")
    elif world.is_main:
        newest = max((own / "killed").glob("checkpoint*.pt"), key=lambda path: path.stat().st_mtime)
        newest.write_bytes(newest.read_bytes()[:-100])
    t = trainer(own / "killed", "r3gan", checkpoint_seconds=0)
    advance = t.advance

    def fall() -> None:
        if t.step == KILLED_AT and not again and not world.is_main:
            os.kill(os.getpid(), signal.SIGKILL)
        advance()

    t.advance = fall
    begun = t.train(lambda method, step: None)
    torch.save({"begun": begun, "weights": flat(t)}, folder / f"killed-{world.rank}.pt")


class OwnMemory(vae.VAE):
    """Each rank remembers what it saw, and learns with that: as some code books do."""

    def __init__(self, config: vae.Config, spec: Spec) -> None:
        super().__init__(config, spec)
        self.register_buffer("seen", torch.zeros(()))

    def training_step(self, batch, step, minimize):
        self.seen.mul_(0.9).add_(batch.x.mean())
        return super().training_step(Batch(batch.x * self.seen.cos(), batch.y), step, minimize)


def remembered(folder: Path) -> None:
    """The same training whole, stopped on the way, and taken further after it was done."""
    world = read_environment()
    plan = [("whole", None, STEPS), ("parts", STOPPED_AT, STEPS), ("parts", None, STEPS),
            ("further", None, STEPS - 7), ("further", None, STEPS)]  # fmt: skip
    for name, at, steps in plan:
        t = trainer(folder / f"{name}-of-{world.rank}", "vae", kind=OwnMemory, steps=steps)
        advance = t.advance

        def stop(t=t, at=at, advance=advance) -> None:
            if t.step == at and not world.is_main:
                os.kill(os.getpid(), signal.SIGTERM)
            advance()

        t.advance = stop
        try:
            t.train(lambda method, step: None)
        except Interrupted:
            torch.save(t.step, folder / f"stopped-at-{world.rank}.pt")
        torch.save(flat(t), folder / f"{name}-{world.rank}.pt")


def stopped(folder: Path) -> None:
    """A signal to rank 1 alone while rank 0's disk is slow: what each says, and finds then."""
    world, write = read_environment(), writer.write

    def slowly(*arguments: Any) -> None:
        time.sleep(0.5)
        write(*arguments)

    writer.write = slowly
    t = trainer(folder / f"stopped-{world.rank}", "vae")
    advance = t.advance

    def stop() -> None:
        if t.step == KILLED_AT and not world.is_main:
            os.kill(os.getpid(), signal.SIGTERM)
        advance()

    t.advance = stop
    try:
        t.train(lambda method, step: None)
    except Interrupted as error:
        saved = (folder / "stopped-0" / "checkpoint.pt").exists()
        torch.save({"says": str(error), "saved": saved}, folder / f"stopped-{world.rank}.pt")
    writer.write = write


def in_step(folder: Path) -> None:
    """Every paper and stand-in, trained whole and in two parts: hashes of what each ends with."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "methods"))
    from cases import CASES, keep_no_frame
    from cases import trainer as of_case

    ends: dict[str, dict[str, str]] = {}
    for name, case in CASES.items():
        for kind, stops in (("whole", (8,)), ("parts", (5, 8))):
            for steps in stops:
                t = of_case(folder / name / kind, case, steps=steps)
                t.train(keep_no_frame)
                peers.peers().wait_for_all()
            bits = flat(t).double().numpy().tobytes()
            ends.setdefault(name, {})[kind] = hashlib.sha256(bits).hexdigest()
    (folder / f"ends-{read_environment().rank}.json").write_text(json.dumps(ends))


def main() -> None:
    folder = Path(sys.argv[1])
    if os.environ["TORCHELASTIC_RESTART_COUNT"] == "0":
        in_step(folder / "in-step")
        curves(folder / "two")
        remembered(folder / "two")
        stopped(folder)
    killed(folder)
    distributed.disconnect()


if __name__ == "__main__":
    run_command(main)
