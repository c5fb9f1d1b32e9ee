"""Precision, recall, density and coverage against the prdc package on the same features.

    python scripts/benchmark_metrics.py [--n 10000] [--dim 2048] [--json]

Each side runs in a process of its own, so that its peak memory is its own. The features are
correlated Gaussians; prdc is called twice because it takes one k for all four numbers.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from typing import Any

import numpy as np


def features(n: int, dim: int) -> tuple[np.ndarray, np.ndarray]:
    """Two sets (n, dim) of float32 whose variance falls from dimension to dimension."""
    generator = np.random.default_rng(0)
    spectrum = (np.arange(1, dim + 1) ** -0.5).astype(np.float32)
    real, fake = (generator.standard_normal((n, dim), np.float32) * spectrum for _ in range(2))
    return real, 0.9 * fake + 0.01


def peak_mb() -> float:
    """Most memory that this process held so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def ours(real: np.ndarray, fake: np.ndarray) -> dict[str, float]:
    """All four with k = 5, as prdc computes them in one call."""
    from imggen.metrics.neighbours import neighbourhoods

    found = neighbourhoods(real, fake, 5, 5)
    return {k: getattr(found, k) for k in ("precision", "recall", "density", "coverage")}


def theirs(real: np.ndarray, fake: np.ndarray) -> dict[str, float]:
    """The same by prdc."""
    from prdc import compute_prdc

    return {k: float(v) for k, v in compute_prdc(real, fake, 5).items()}


def child(side: str, n: int, dim: int) -> None:
    """Prints one side's values, seconds and peak extra memory as JSON."""
    import torch  # noqa: F401

    real, fake = features(n, dim)
    compute = {"ours": ours, "prdc": theirs}[side]
    compute(real[:200], fake[:200])  # imports and thread pools are not what is measured
    before, started = peak_mb(), time.perf_counter()
    values = compute(real, fake)
    seconds = time.perf_counter() - started
    print(json.dumps({"values": values, "seconds": seconds, "extra_mb": peak_mb() - before}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--dim", type=int, default=2048)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--side", choices=("ours", "prdc"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        child(options.side, options.n, options.dim)
        return
    results: dict[str, Any] = {}
    for side in ("ours", "prdc"):
        command = [sys.executable, __file__, "--side", side]
        command += ["--n", str(options.n), "--dim", str(options.dim)]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        results[side] = json.loads(output.splitlines()[-1])
    results["speedup"] = results["prdc"]["seconds"] / results["ours"]["seconds"]
    if options.json:
        print(json.dumps(results, indent=2))
        return
    for side in ("ours", "prdc"):
        r = results[side]
        values = "  ".join(f"{name} {value:.6f}" for name, value in r["values"].items())
        print(f"{side:<6}{r['seconds']:8.1f} s {r['extra_mb']:8.0f} MB   {values}")
    print(f"{results['speedup']:.1f}x faster")


if __name__ == "__main__":
    main()
