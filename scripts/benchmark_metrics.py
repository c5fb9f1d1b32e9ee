"""Our metrics against their usual packages on the same features, in one run.

    python scripts/benchmark_metrics.py [--only prdc frechet kid large bootstrap] [--json]

Each side runs in a process of its own, so that its peak memory is its own. The features are
correlated Gaussians of 2,048 dimensions in float32, as Inception's are.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

DIM = 2048
Values = dict[str, float]
Side = Callable[[np.ndarray, np.ndarray], Values]


def features(n: int, dim: int) -> tuple[np.ndarray, np.ndarray]:
    """Two sets (n, dim) of float32 whose variance falls from dimension to dimension."""
    generator = np.random.default_rng(0)
    spectrum = (np.arange(1, dim + 1) ** -0.5).astype(np.float32)
    real = generator.standard_normal((n, dim), np.float32) * spectrum
    fake = generator.standard_normal((n, dim), np.float32)
    fake *= 0.9 * spectrum
    fake += 0.01
    return real, fake


def prdc_ours(real: np.ndarray, fake: np.ndarray) -> Values:
    """All four with k = 5, as prdc computes them in one call."""
    from imggen.metrics.neighbours import neighbourhoods

    found = neighbourhoods(real, fake, 5, 5, intervals=False)
    return {k: getattr(found, k) for k in ("precision", "recall", "density", "coverage")}


def prdc_interval(real: np.ndarray, fake: np.ndarray) -> Values:
    """The same with their intervals."""
    from imggen.metrics.neighbours import neighbourhoods

    found = neighbourhoods(real, fake, 5, 5).estimates()
    low, high = found["precision"].interval()
    return {k: e.value for k, e in found.items()} | {"low": low, "high": high}


def prdc_theirs(real: np.ndarray, fake: np.ndarray) -> Values:
    """The same by prdc."""
    from prdc import compute_prdc

    return {k: float(v) for k, v in compute_prdc(real, fake, 5).items()}


def frechet_ours(real: np.ndarray, fake: np.ndarray) -> Values:
    """The distance from features."""
    from imggen.metrics.frechet import frechet_distance

    return {"frechet": frechet_distance(real, fake)}


def frechet_theirs(real: np.ndarray, fake: np.ndarray) -> Values:
    """The same by torch-fidelity."""
    import torch
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

    moments = [fid_features_to_statistics(torch.from_numpy(x)) for x in (real, fake)]
    found = fid_statistics_to_metric(*moments, verbose=False)
    return {"frechet": float(found["frechet_inception_distance"])}


def frechet_sqrtm(real: np.ndarray, fake: np.ndarray) -> Values:
    """The same by pytorch-fid, with a matrix square root."""
    from pytorch_fid.fid_score import calculate_frechet_distance

    moments = [(x.mean(axis=0), np.cov(x, rowvar=False)) for x in (real, fake)]
    try:
        return {"frechet": float(calculate_frechet_distance(*moments[0], *moments[1]))}
    except ValueError as error:
        return {f"refused: {error}": float("nan")}


def kid_ours(real: np.ndarray, fake: np.ndarray) -> Values:
    """Mean over 100 subsets of 1,000."""
    from imggen.metrics.kid import kid_subsets

    return {"kid": kid_subsets(real, fake)[0]}


def kid_theirs(real: np.ndarray, fake: np.ndarray) -> Values:
    """The same by torch-fidelity."""
    import torch
    from torch_fidelity.metric_kid import kid_features_to_metric

    found = kid_features_to_metric(torch.from_numpy(fake), torch.from_numpy(real), verbose=False)
    return {"kid": float(found["kernel_inception_distance_mean"])}


def frechet_interval(real: np.ndarray, fake: np.ndarray) -> Values:
    """The distance with influences and 1,000 bootstrap replicates."""
    from imggen.metrics import frechet

    found = frechet.estimate(real, fake)
    low, high = found.interval()
    return {"frechet": found.value, "low": low, "high": high}


CASES: dict[str, tuple[int, dict[str, Side]]] = {
    "prdc": (10_000, {"ours": prdc_ours, "prdc": prdc_theirs, "ours, intervals": prdc_interval}),
    "frechet": (10_000, {"ours": frechet_ours, "torch-fidelity": frechet_theirs}),
    "singular": (1_000, {"ours": frechet_ours, "torch-fidelity": frechet_theirs,
                         "pytorch-fid": frechet_sqrtm}),
    "kid": (50_000, {"ours": kid_ours, "torch-fidelity": kid_theirs}),
    "bootstrap": (10_000, {"value": frechet_ours, "value and interval": frechet_interval}),
    "large": (50_000, {"ours": prdc_ours, "ours, intervals": prdc_interval}),
}  # fmt: skip


def peak_mb() -> float:
    """Most memory that this process held so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def child(case: str, side: str) -> None:
    """Prints one side's values, seconds and peak extra memory as JSON."""
    import torch  # noqa: F401

    n, sides = CASES[case]
    real, fake = features(n, DIM)
    if case != "singular":
        sides[side](real[:1200, :50].copy(), fake[:1200, :50].copy())  # imports, thread pools
    before, started = peak_mb(), time.perf_counter()
    values = sides[side](real, fake)
    seconds = time.perf_counter() - started
    print(json.dumps({"values": values, "seconds": seconds, "extra_mb": peak_mb() - before}))


def measure(case: str) -> dict[str, Any]:
    """Each side of a case in a process of its own."""
    results = {}
    for side in CASES[case][1]:
        command = [sys.executable, __file__, "--child", case, side]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        results[side] = json.loads(done.stdout.splitlines()[-1])
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(*options.child)
        return
    results = {}
    for case in options.only:
        results[case] = measure(case)
        if options.json:
            continue
        print(f"{case}: n = {CASES[case][0]:,}, d = {DIM:,}", flush=True)
        for side, r in results[case].items():
            values = "  ".join(f"{name} {value:.6g}" for name, value in r["values"].items())
            print(
                f"  {side:<20}{r['seconds']:8.2f} s {r['extra_mb']:7.0f} MB   {values}", flush=True
            )
    if options.json:
        print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
