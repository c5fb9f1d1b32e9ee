"""Our DCGAN step against a plain loop over the same networks, batch and images, in one run.

    python scripts/benchmark.py [--rounds 5] [--steps 30] [--json]

The plain loop is the one that PyTorch's DCGAN example teaches: a DataLoader with a transform per
image and two workers (the example's default), fp32, NCHW, and a generator step that also computes
the discriminator's gradients. Rounds alternate between all variants, so that a busy machine slows
them alike; medians are compared.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Adam
from torch.utils.data import DataLoader
from torchvision.datasets import MNIST
from torchvision.transforms import Compose, Normalize, ToTensor

from imggen.data import Images, data_root, load
from imggen.methods.dcgan import DCGAN, Config
from imggen.run import RunDir, device_name
from imggen.train import TrainConfig, Trainer

BATCH = 128


def plain_loop(root: Path, workers: int) -> Iterator[None]:
    """One training step of the plain loop at each `next`."""
    torch.manual_seed(0)
    transform = Compose([ToTensor(), Normalize(0.5, 0.5)])
    loader = DataLoader(
        MNIST(root, transform=transform), BATCH, shuffle=True, drop_last=True, num_workers=workers
    )
    method, criterion = DCGAN(Config(), (1, 28, 28)), nn.BCELoss()
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
    """One step of our loop, with EMA, statistics and checkpoints every two seconds."""
    from imggen import checkpoint
    from imggen.progress import Progress

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
    return Trainer(lambda shape: DCGAN(Config(), shape), images, config, run, {})


def measure(loops: dict[str, Iterator[None]], rounds: int, steps: int) -> dict[str, float]:
    """Median images/s of each loop over alternating rounds."""
    speeds: dict[str, list[float]] = {name: [] for name in loops}
    for loop in loops.values():
        for _ in range(5):
            next(loop)
    for _ in range(rounds):
        for name, loop in loops.items():
            started = time.perf_counter()
            for _ in range(steps):
                next(loop)
            speeds[name].append(steps * BATCH / (time.perf_counter() - started))
    return {name: statistics.median(values) for name, values in speeds.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=30, help="training steps in each round")
    parser.add_argument("--workers", type=int, default=2, help="of the plain loop's DataLoader")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    images = load("mnist")
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        loops: dict[str, Callable[[], Iterator[None]]] = {
            "plain": lambda: plain_loop(data_root(), options.workers),
            "ours fp32": lambda: our_loop(images, root / "fp32", "fp32"),
            "ours bf16": lambda: our_loop(images, root / "bf16", "bf16"),
            "bare fp32": lambda: bare_loop(images, root / "bare32", "fp32"),
            "bare bf16": lambda: bare_loop(images, root / "bare16", "bf16"),
        }
        started = {name: make() for name, make in loops.items()}
        speeds = measure(started, options.rounds, options.steps)
    result = {
        "device": device_name(torch.device("cpu")),
        "batch_size": BATCH,
        "images_per_second": {name: round(speed) for name, speed in speeds.items()},
        "speedup_fp32": round(speeds["ours fp32"] / speeds["plain"], 2),
        "speedup_bf16": round(speeds["ours bf16"] / speeds["plain"], 2),
        "overhead_fp32": round(speeds["bare fp32"] / speeds["ours fp32"] - 1, 3),
        "overhead_bf16": round(speeds["bare bf16"] / speeds["ours bf16"] - 1, 3),
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    if options.json:
        print(json.dumps(result, indent=2))
        return
    for name, speed in speeds.items():
        print(f"{name:<12}{speed:>8.0f} images/s   {speed / speeds['plain']:.2f}x plain")
    for name in ("overhead_fp32", "overhead_bf16"):
        print(f"{name.replace('_', ' ')} of EMA, statistics and checkpoints: {result[name]:.1%}")
    print(f"peak memory of all variants together: {result['peak_memory_mb']} MB")


if __name__ == "__main__":
    main()
