"""Clipped density and coverage: shares of good samples that outliers can't move.

Salvy, Talbot and Thirion 2025, arXiv:2507.01761. Density lets a few samples in many balls hide many
bad ones, and balls around real outliers are so large that they accept anything; so each sample
counts at most once, and no radius exceeds the median radius (clipped density, coherence). Coverage
asks for one generated point in a real point's ball where real data would bring k; clipped coverage
(variety) counts up to k of them.

Both are calibrated to fall in proportion to the share of bad samples: clipped density by its value
for real points in each other's balls, clipped coverage by inverting what m good samples among m
generated ones would give. So 1 is as good as real data, and .7 reads "as if 70 % were good".

They don't see memorisation, and like all neighbour metrics they trust the features' distances.
"""

from __future__ import annotations

import numpy as np
from scipy.special import betaln, gammaln

from imggen.metrics.arrays import Array
from imggen.metrics.certainty import halves
from imggen.metrics.certainty.estimate import Estimate
from imggen.metrics.neighbours import Neighbourhoods


def clipped_density(found: Neighbourhoods) -> Estimate:
    """Clipped density in [0, 1] (arXiv:2507.01761)."""
    fake = np.minimum(found.clipped_balls / found.k, 1)
    own = np.minimum(found.clipped_own / found.k, 1)
    value = min(1.0, float(fake.mean() / own.mean()))
    return Estimate(value, halves=found.apart("clipped_density"), bounds=(0, 1))


def clipped_coverage(found: Neighbourhoods) -> Estimate:
    """Clipped coverage in [0, 1] (arXiv:2507.01761)."""
    n, m = len(found.held), len(found.balls)
    shares = np.minimum(found.held / found.k, 1)
    value = float(np.clip(calibrated(shares.mean(), n, m, found.k), 0, 1))
    apart = None
    if found.parts:
        parts = found.parts["clipped_coverage"]
        apart = halves.differences(calibrated(parts, n // 2, m // 2, found.k))
    return Estimate(value, halves=apart, bounds=(0, 1))


def calibrated(mean: Array, n: int, m: int, k: int) -> Array:
    """Which share of m samples must be good for this mean of min(held, k) / k.

    More than all of them, on the last step's line, for a mean that even m good samples have seldom:
    halves that clipped there would look alike.
    """
    expected, good = expected_share(n, m, k), np.arange(m + 1) / m
    beyond = (mean - expected[-1]) * (good[-1] - good[-2]) / (expected[-1] - expected[-2])
    return np.interp(mean, expected, good) + np.maximum(beyond, 0)


def expected_share(n: int, m: int, k: int) -> Array:
    """E[min(J, k)] / k for 0, 1, ..., m good samples (m + 1,), ascending.

    The probability of the ball that reaches a point's k-th neighbour among n real points is
    Beta(k, n - k) distributed, so J of the good samples in it are beta-binomial.
    """
    good = np.arange(m + 1, dtype=np.float64)
    missing = np.zeros(m + 1)
    for j in range(k):
        rest = np.maximum(good - j, 0)
        log_choices = gammaln(good + 1) - gammaln(j + 1) - gammaln(rest + 1)
        log_p = log_choices + betaln(k + j, n - k + rest) - betaln(k, n - k)
        missing += (k - j) * np.where(good >= j, np.exp(log_p), 0.0)
    return 1 - missing / k
