r"""Uncertainty of metrics that no sum of each sample's contributions describes, by half-sampling.

Whether a point lies in a ball depends on its neighbours: a bootstrap repeats points and shrinks the
balls to nothing, and what leaving one point out changes overstates what other points would change.
Halves do neither (McCarthy 1969, Review of the International Statistical Institute 37; for
statistics that aren't smooth, Shao and Wu 1989, Annals of Statistics 17). Cut both sets at random
into halves A and B and take the metric of each. Of n samples a metric has about half the variance
that it has of n / 2, so

$$
\delta = \tfrac{1}{2} (T_A - T_B), \qquad
\operatorname{Var} T \approx \mathbb{E}\, \delta^2,
$$

and the mean of many cuts is more certain than one. Bias, which depends on n, cancels in the
difference.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from imggen.metrics.arrays import Array, Numbers

CUTS = 50
"""Random cuts into halves; the estimated deviation is itself off by about a tenth."""

Bools = npt.NDArray[np.bool_]


def cuts(n: int, seed: int) -> Bools:
    """(CUTS, n): which of n samples are in half A, as many as in half B or one fewer."""
    generator = np.random.default_rng([seed, n])
    first = np.arange(n) < n // 2
    return np.stack([generator.permutation(first) for _ in range(CUTS)])


def means(values: Numbers, members: Bools) -> Array:
    """Means (2, CUTS) in halves A and B of values (CUTS, n), each taken within its own half."""
    first, n = members.sum(axis=1), members.shape[1]
    return np.stack(
        [(values * members).sum(axis=1) / first, (values * ~members).sum(axis=1) / (n - first)]
    )


def differences(parts: Array) -> Array:
    """Half differences (CUTS,) of a metric's values (2, CUTS) in halves A and B."""
    return (parts[0] - parts[1]) / 2


def deviation(halves: Array) -> float:
    """Standard deviation of the metric from its half differences (CUTS,)."""
    return float(np.sqrt(np.mean(np.square(halves))))


def quantile(level: float) -> float:
    """How many deviations a two-sided interval of `level` reaches: Student's t of CUTS degrees."""
    from scipy import stats  # takes a second

    return float(stats.t.ppf((1 + level) / 2, CUTS))


def p_value(deviations: float) -> float:
    """Two-sided p-value of a difference of so many deviations."""
    from scipy import stats

    return float(2 * stats.t.sf(abs(deviations), CUTS))
