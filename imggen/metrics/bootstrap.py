"""95 % intervals by a bootstrap of influences: one pass, no features extracted or sorted again.

A metric computed from n samples is its mean over draws plus, to first order, the mean of what each
sample contributes (its influence). Resampling these contributions instead of the samples costs a
sum a replicate, and avoids what biases a plain bootstrap of Fréchet and neighbour metrics: repeated
samples.

The interval is for the *expected value of the metric at this n*: where it would fall with other
draws of the same size. It says nothing about the metric's bias, which a different n changes, nor
about another training seed. For neighbour metrics it takes the balls as they are.
"""

from __future__ import annotations

import math

import numpy as np

from imggen.metrics.arrays import Array

REPLICATES = 1000
LEVEL = 0.95


def interval(
    value: float, *influences: Array, replicates: int = REPLICATES, seed: int = 0
) -> tuple[float, float]:
    """Percentile bootstrap interval of `value`, given each sample's influence per sample set.

    For a plain mean the influences are the values minus their mean. Sets are drawn independently.
    """
    generator = np.random.default_rng(seed)
    moves = np.zeros(replicates)
    for influence in influences:
        n = len(influence)
        centred = influence - influence.mean()
        for i in range(replicates):
            moves[i] += centred[generator.integers(0, n, n)].mean()
    low, high = np.quantile(moves, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return value + float(low), value + float(high)


def share_interval(indicators: Array) -> tuple[float, float]:
    """Interval of the share of true indicators (n,), by Wilson's score (1927).

    The bootstrap of a share is a binomial, whose percentiles cover too little near 0 and 1;
    Wilson's interval is its closed form with that mended.
    """
    n, share, z = len(indicators), float(np.mean(indicators)), 1.959964
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)
