"""Our training steps against plain loops over the same networks, batches and images, in one run.

    python scripts/benchmark.py [--methods dcgan wgan_gp sngan igpt glow] [--rounds 5] [--steps 30]
                                [--precisions fp32 bf16] [--json]

Kinds of step: two losses (DCGAN), a gradient penalty (WGAN-GP), spectral normalisation (SNGAN), a
causal transformer of many tokens (Image GPT), a flow with its log-determinants (Glow, in float32
always). The plain loops are those of
`plain_loops.py`. Each variant lives in a process of its own, as in real use. Rounds alternate
between the variants, one at a time, so that a busy machine slows them alike; medians are compared.
FLOPs are counted by torch and set against what this machine reaches in one large product of
matrices, of float32 or of bfloat16: by autocast only part of a step runs in the latter (a penalty,
normalisation and the optimizers do not). A processor that emulates bfloat16 is asked for float32
alone.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
from plain_loops import BATCH, PLAIN

from imggen.data.datasets import data_root, load
from imggen.data.images import Images
from imggen.methods import Method, Spec, dcgan, glow, igpt, sngan, wgan_gp
from imggen.runs.folder import RunDir
from imggen.system.device import device_name
from imggen.system.processor import emulates_bf16
from imggen.training.config import TrainConfig
from imggen.training.cost import flops_per_image
from imggen.training.loop import Trainer

WARM_UP_STEPS = 10
PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}
PRODUCT = 2048
"""Rows and columns of the matrices whose product gives this machine's peak."""


def build(method: str, spec: Spec) -> Method:
    """A paper's method with its default settings, by the name of its file."""
    if method == "dcgan":
        return dcgan.DCGAN(dcgan.Config(), spec)
    if method == "wgan_gp":
        return wgan_gp.WGANGP(wgan_gp.Config(), spec)
    if method == "igpt":
        return igpt.ImageGPT(igpt.Config(), spec)
    if method == "glow":
        return glow.Glow(glow.Config(), spec)
    return sngan.SNGAN(sngan.Config(), spec)


def our_loop(method: str, images: Images, folder: Path, precision: Any) -> Iterator[None]:
    """One step of our loop, with EMA, statistics and checkpoints."""
    from imggen.training.progress import Progress
    from imggen.training.writer import Writer

    config = TrainConfig(steps=10**6, batch_size=BATCH, precision=precision, device="cpu")
    trainer = make_trainer(method, images, folder, config)
    writer = Writer(trainer.run.path)
    trainer.settle = writer.settle
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


def bare_loop(method: str, images: Images, folder: Path, precision: Any) -> Iterator[None]:
    """The method's own training step on our batches and nothing else."""
    config = TrainConfig(steps=10**6, batch_size=BATCH, precision=precision, device="cpu")
    trainer = make_trainer(method, images, folder, config)
    bf16 = precision == "bf16"
    while True:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
            batch = trainer.batch(trainer.step)
            trainer.method.training_step(batch, trainer.step, trainer.minimize)
        trainer.step += 1
        yield


def make_trainer(method: str, images: Images, folder: Path, config: TrainConfig) -> Trainer:
    """A fresh trainer of a method in a run directory of its own."""
    run = RunDir(folder)
    run.create()
    return Trainer(lambda spec: build(method, spec), images, config, run, {})


def make_loop(variant: str, folder: Path, workers: int) -> Iterator[None]:
    """The loop of a variant: a method, and "plain", or "ours" or "bare" with a precision."""
    method, kind, *precision = variant.split()
    if kind == "plain":
        return PLAIN[method](data_root(), workers)
    loop = our_loop if kind == "ours" else bare_loop
    return loop(method, load("mnist"), folder, precision[0])


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


def measure(
    variants: Sequence[str], rounds: int, steps: int, workers: int
) -> dict[str, dict[str, float]]:
    """Images/s (median over alternating rounds) and peak memory (MB) of each variant."""
    context = multiprocessing.get_context("spawn")
    pipes = {}
    with tempfile.TemporaryDirectory() as temporary:
        for variant in variants:
            pipes[variant], theirs = context.Pipe()
            folder = Path(temporary) / variant.replace(" ", "-")
            context.Process(target=serve, args=(variant, folder, workers, theirs)).start()
            theirs.close()  # so that a process that dies is heard of
            ask(pipes[variant], WARM_UP_STEPS)
        seconds: dict[str, list[float]] = {variant: [] for variant in variants}
        for _ in range(rounds):
            for variant, pipe in pipes.items():
                seconds[variant].append(ask(pipe, steps))
        memory = {variant: ask(pipe, 0) for variant, pipe in pipes.items()}
    speed = {name: steps * BATCH / statistics.median(times) for name, times in seconds.items()}
    return {"images_per_second": speed, "peak_memory_mb": memory}


def peak_flops(dtype: torch.dtype) -> float:
    """FLOP/s of one large product of matrices, the best of ten."""
    a, b = (torch.randn(PRODUCT, PRODUCT).to(dtype) for _ in range(2))
    seconds = []
    for _ in range(10):
        started = time.perf_counter()
        a @ b
        seconds.append(time.perf_counter() - started)
    return 2 * PRODUCT**3 / min(seconds)


def step_flops(method: str) -> float:
    """FLOPs of a training step for each image."""
    with tempfile.TemporaryDirectory() as temporary:
        config = TrainConfig(steps=30, batch_size=BATCH, device="cpu")
        return flops_per_image(make_trainer(method, load("mnist"), Path(temporary), config))


def ask(pipe: Connection, steps: int) -> float:
    """Has a variant's process do `steps` steps, and waits for its answer."""
    try:
        pipe.send(steps)
        return pipe.recv()
    except (EOFError, BrokenPipeError):
        sys.exit("error: a loop ended before it was asked to; its own message is above.")


def loops(precisions: Sequence[str]) -> list[str]:
    """A plain loop, and ours with and without what surrounds a step."""
    return ["plain", *(f"{kind} {name}" for kind in ("ours", "bare") for name in precisions)]


def summary(
    method: str, measured: dict[str, dict[str, float]], precisions: Sequence[str]
) -> dict[str, Any]:
    """The comparisons that we promise for a method, from what `measure` returns."""
    names = loops(precisions)
    speed = {loop: measured["images_per_second"][f"{method} {loop}"] for loop in names}
    memory = {loop: measured["peak_memory_mb"][f"{method} {loop}"] for loop in names}
    flops = step_flops(method)
    result: dict[str, Any] = {
        "images_per_second": {loop: round(value) for loop, value in speed.items()},
        "peak_memory_mb": memory,
        "flops_per_image": flops,
    }
    for precision in precisions:
        ours, bare = speed[f"ours {precision}"], speed[f"bare {precision}"]
        result[f"speedup_{precision}"] = round(ours / speed["plain"], 2)
        result[f"overhead_{precision}"] = round(bare / ours - 1, 3)
        peak = peak_flops(PRECISIONS[precision])
        result[f"share_of_peak_{precision}"] = round(ours * flops / peak, 3)
    return result


def tell(method: str, result: dict[str, Any], precisions: Sequence[str]) -> None:
    """A table for people."""
    speed = result["images_per_second"]
    print(f"{method}, {result['flops_per_image'] / 1e6:.0f} MFLOP an image")
    for name, value in speed.items():
        megabytes = result["peak_memory_mb"][name]
        print(f"  {name:<10}{value:>6} images/s  {value / speed['plain']:.2f}x  {megabytes:>5} MB")
    for precision in precisions:
        overhead, share = (result[f"{what}_{precision}"] for what in ("overhead", "share_of_peak"))
        print(
            f"  {precision}: EMA, statistics and checkpoints add {overhead:.1%} to a bare step; "
            f"{share:.0%} of the peak of a product of matrices"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--methods", nargs="+", choices=PLAIN, default=list(PLAIN))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=30, help="training steps in each round")
    parser.add_argument("--workers", type=int, default=2, help="of the plain loop's DataLoader")
    default = ["fp32"] if emulates_bf16() else list(PRECISIONS)
    parser.add_argument("--precisions", nargs="+", choices=PRECISIONS, default=default)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    load("mnist")  # says what is missing before five processes do
    results: dict[str, Any] = {
        "device": device_name(torch.device("cpu")),
        "batch_size": BATCH,
    }
    for method in options.methods:
        variants = [f"{method} {loop}" for loop in loops(options.precisions)]
        measured = measure(variants, options.rounds, options.steps, options.workers)
        results[method] = summary(method, measured, options.precisions)
        if not options.json:
            tell(method, results[method], options.precisions)
    if options.json:
        print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
