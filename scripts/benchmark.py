"""Our DCGAN step against a plain loop over the same networks, batch and images, in one run.

    python scripts/benchmark.py [--rounds 5] [--steps 30] [--json]

The plain loop is the one that PyTorch's DCGAN example teaches: a DataLoader with a transform per
image and two workers (the example's default), fp32, NCHW, and a generator step that also computes
the discriminator's gradients. Each variant lives in a process of its own, as in real use. Rounds
alternate between the variants, one at a time, so that a busy machine slows them alike; medians are
compared.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import statistics
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Adam
from torch.utils.data import DataLoader
from torchvision.datasets import MNIST
from torchvision.transforms import Compose, Normalize, ToTensor

from imggen.data.datasets import data_root, load
from imggen.data.images import Images
from imggen.methods import Spec
from imggen.methods.dcgan import DCGAN, Config
from imggen.runs.folder import RunDir
from imggen.system.device import device_name
from imggen.training.config import TrainConfig
from imggen.training.loop import Trainer

BATCH = 128
WARM_UP_STEPS = 10
VARIANTS = ("plain", "ours fp32", "ours bf16", "bare fp32", "bare bf16")


def plain_loop(root: Path, workers: int) -> Iterator[None]:
    """One training step of the plain loop at each `next`."""
    torch.manual_seed(0)
    transform = Compose([ToTensor(), Normalize(0.5, 0.5)])
    loader = DataLoader(
        MNIST(root, transform=transform), BATCH, shuffle=True, drop_last=True, num_workers=workers
    )
    method, criterion = DCGAN(Config(), Spec((1, 28, 28))), nn.BCELoss()
    opt_d = Adam(method.D.parameters(), lr=2e-4, betas=(0.5, 0.999))
    opt_g = Adam(method.G.parameters(), lr=2e-4, betas=(0.5, 0.999))
    real, fake = torch.ones(BATCH), torch.zeros(BATCH)
    while True:
        for x, _ in loader:
            method.D.zero_grad()
            belief_real = method.D(x).sigmoid()
            loss_real = criterion(belief_real, real)
            loss_real.backward()
            x_fake = method.G(torch.rand(len(x), 100) * 2 - 1)
            belief_fake = method.D(x_fake.detach()).sigmoid()
            loss_fake = criterion(belief_fake, fake)
            loss_fake.backward()
            opt_d.step()
            method.G.zero_grad()
            loss_g = criterion(method.D(x_fake).sigmoid(), real)
            loss_g.backward()
            opt_g.step()
            # The example prints these after every step.
            _ = [v.mean().item() for v in (belief_real, belief_fake, loss_real + loss_fake, loss_g)]
            yield


def our_loop(images: Images, folder: Path, precision: Any) -> Iterator[None]:
    """One step of our loop, with EMA, statistics and checkpoints."""
    from imggen.training import checkpoint
    from imggen.training.progress import Progress

    config = TrainConfig(steps=10**6, batch_size=BATCH, precision=precision, device="cpu")
    trainer = make_trainer(images, folder, config)
    writer = checkpoint.Writer(trainer.run.path)
    progress = Progress(config, 0, True, trainer.run)
    saved = time.monotonic()
    while True:
        trainer.advance()
        if trainer.step % config.log_steps == 0:
            trainer.log(progress)
        if time.monotonic() - saved > config.checkpoint_seconds:
            writer.save(trainer.state())
            saved = time.monotonic()
        yield


def bare_loop(images: Images, folder: Path, precision: Any) -> Iterator[None]:
    """The method's own training step on our batches and nothing else."""
    config = TrainConfig(steps=10**6, batch_size=BATCH, precision=precision, device="cpu")
    trainer = make_trainer(images, folder, config)
    bf16 = precision == "bf16"
    while True:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
            batch = trainer.batch(trainer.step)
            trainer.method.training_step(batch, trainer.step, trainer.minimize)
        trainer.step += 1
        yield


def make_trainer(images: Images, folder: Path, config: TrainConfig) -> Trainer:
    """A fresh trainer of the default DCGAN in a run directory of its own."""
    run = RunDir(folder)
    run.create()
    return Trainer(lambda spec: DCGAN(Config(), spec), images, config, run, {})


def make_loop(variant: str, folder: Path, workers: int) -> Iterator[None]:
    """The loop that a variant's name means: "plain", or "ours" or "bare" with a precision."""
    if variant == "plain":
        return plain_loop(data_root(), workers)
    kind, precision = variant.split()
    return (our_loop if kind == "ours" else bare_loop)(load("mnist"), folder, precision)


def serve(variant: str, folder: Path, workers: int, pipe: Connection) -> None:
    """A variant's process: for each number of steps received, does them and sends the seconds.

    For 0 it sends its peak memory in MB and ends.
    """
    loop = make_loop(variant, folder, workers)
    while steps := pipe.recv():
        started = time.perf_counter()
        for _ in range(steps):
            next(loop)
        pipe.send(time.perf_counter() - started)
    pipe.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


def measure(rounds: int, steps: int, workers: int) -> dict[str, dict[str, float]]:
    """Images/s (median over alternating rounds) and peak memory (MB) of each variant."""
    context = multiprocessing.get_context("spawn")
    pipes = {}
    with tempfile.TemporaryDirectory() as temporary:
        for variant in VARIANTS:
            pipes[variant], theirs = context.Pipe()
            folder = Path(temporary) / variant.replace(" ", "-")
            context.Process(target=serve, args=(variant, folder, workers, theirs)).start()
            ask(pipes[variant], WARM_UP_STEPS)
        seconds: dict[str, list[float]] = {variant: [] for variant in VARIANTS}
        for _ in range(rounds):
            for variant, pipe in pipes.items():
                seconds[variant].append(ask(pipe, steps))
        memory = {variant: ask(pipe, 0) for variant, pipe in pipes.items()}
    speed = {name: steps * BATCH / statistics.median(times) for name, times in seconds.items()}
    return {"images_per_second": speed, "peak_memory_mb": memory}


def ask(pipe: Connection, steps: int) -> float:
    """Has a variant's process do `steps` steps, and waits for its answer."""
    pipe.send(steps)
    return pipe.recv()


def summary(measured: dict[str, dict[str, float]]) -> dict[str, Any]:
    """The comparisons that we promise, from what `measure` returns."""
    speed = measured["images_per_second"]
    result: dict[str, Any] = {
        "device": device_name(torch.device("cpu")),
        "batch_size": BATCH,
        "images_per_second": {name: round(value) for name, value in speed.items()},
        "peak_memory_mb": measured["peak_memory_mb"],
    }
    for precision in ("fp32", "bf16"):
        ours, bare = speed[f"ours {precision}"], speed[f"bare {precision}"]
        result[f"speedup_{precision}"] = round(ours / speed["plain"], 2)
        result[f"overhead_{precision}"] = round(bare / ours - 1, 3)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=30, help="training steps in each round")
    parser.add_argument("--workers", type=int, default=2, help="of the plain loop's DataLoader")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    load("mnist")  # says what is missing before five processes do
    result = summary(measure(options.rounds, options.steps, options.workers))
    if options.json:
        print(json.dumps(result, indent=2))
        return
    speed = result["images_per_second"]
    for name, value in speed.items():
        megabytes = result["peak_memory_mb"][name]
        print(f"{name:<10}{value:>6} images/s  {value / speed['plain']:.2f}x  {megabytes:>5} MB")
    for precision in ("fp32", "bf16"):
        overhead = result[f"overhead_{precision}"]
        print(f"{precision}: EMA, statistics and checkpoints add {overhead:.1%} to a bare step")


if __name__ == "__main__":
    main()
