"""95 % intervals in one pass: no features extracted, no neighbours searched again.

A smooth metric computed from n samples is its mean over draws plus, to first order, the mean of
what each sample contributes (its influence). Resampling these contributions instead of the samples
costs a sum a replicate, and avoids what biases a plain bootstrap of the Fréchet distance: repeated
samples. Neighbour metrics are not smooth; they bring the differences of halves (`halves.py`).

The interval is for the *expected value of the metric at this n*: where it would fall with other
draws of the same size. It says nothing about the metric's bias, which a different n changes, nor
about another training seed. Near equality, where influences vanish, a distance's interval is wider
than it need be, and a comparison of two good generators by it more careful.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from imggen.metrics.arrays import Array, Numbers
from imggen.metrics.certainty import halves

REPLICATES = 1000
LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A metric's value and what says how far other samples would move it.

    To first order, the same metric of resampled sets is the value plus the mean of the influences
    over the resample of each set; influences have mean 0. None: the metric does not see that set.
    """

    value: float
    real: Array | None = None
    """Influence of each real sample (n,)."""
    fake: Array | None = None
    """Influence of each generated sample (m,)."""
    share: bool = False
    """The value is a share of the samples of the set that has influences."""
    halves: Array | None = None
    """Half differences (CUTS,) of a metric that influences don't describe, in their place."""
    bounds: tuple[float, float] = (-math.inf, math.inf)
    """Between what the metric always lies."""

    def moves(self) -> list[Array]:
        """The influences of each set that the metric sees."""
        return [moves for moves in (self.real, self.fake) if moves is not None]

    def interval(self) -> tuple[float, float]:
        """95 % interval: Wilson's for a share, Student's for half differences, or a bootstrap.

        Raises: ValueError when there is nothing to judge by.
        """
        if self.halves is None and not self.moves():
            raise ValueError("This estimate has no influences and no halves, so no interval.")
        if self.halves is None:
            if self.share:
                return share_interval(self.value, len(self.moves()[0]))
            low, high = interval(self.value, *self.moves())
        else:
            reach, deviation = halves.quantile(LEVEL), halves.deviation(self.halves)
            if self.share:
                return self._share_interval(reach, deviation)
            low, high = self.value - reach * deviation, self.value + reach * deviation
        least, most = self.bounds
        return max(least, low), min(most, high)

    def _share_interval(self, reach: float, deviation: float) -> tuple[float, float]:
        n, spread = len(self.moves()[0]), self.value * (1 - self.value)
        # As many independent samples would leave the share as uncertain as it is.
        effective = spread / deviation**2 if deviation and spread else n
        return share_interval(self.value, effective, reach)


def share_of(indicators: Numbers, of: Literal["real", "fake"]) -> Estimate:
    """The share of true indicators (n,) of one set's samples."""
    return replace(mean_of(indicators, of), share=True)


def mean_of(values: Numbers, of: Literal["real", "fake"]) -> Estimate:
    """The mean of values (n,), one for each of a set's samples."""
    value = float(np.mean(values))
    moves = np.asarray(values, dtype=np.float64) - value
    return Estimate(value, moves, None) if of == "real" else Estimate(value, None, moves)


@dataclass(frozen=True)
class Comparison:
    """One metric of two generators against the same real samples."""

    difference: float
    """First minus second."""
    interval: tuple[float, float]
    p_value: float
    """Two-sided, of the hypothesis that both are equal (normal or Student's distribution)."""


def compare(first: Estimate, second: Estimate) -> Comparison:
    """Is the metric of the first generator other than that of the second?

    Paired in the real samples, whose influences on the two values are subtracted before anything
    else: what the choice of real images does to both generators alike drops out. Real samples of
    unequal number are taken as two independent sets. Half differences are subtracted cut by cut,
    which does the same, since equally many samples are always cut in the same places.
    """
    difference = first.value - second.value
    if first.halves is not None and second.halves is not None:
        deviation = halves.deviation(first.halves - second.halves)
        if deviation == 0:
            return _undisturbed(first, second)
        reach = halves.quantile(LEVEL) * deviation
        p_value = halves.p_value(difference / deviation)
        return Comparison(difference, (difference - reach, difference + reach), p_value)
    if not first.moves() or not second.moves():
        raise ValueError("An estimate without influences compares only with one of its kind.")
    moves = [
        m for m in (first.fake, None if second.fake is None else -second.fake) if m is not None
    ]
    if first.real is not None and second.real is not None:
        paired = len(first.real) == len(second.real)
        moves += [first.real - second.real] if paired else [first.real, -second.real]
    deviation = math.sqrt(sum(float(np.var(m)) / len(m) for m in moves))
    if deviation == 0:
        return _undisturbed(first, second)
    p_value = math.erfc(abs(difference) / deviation / math.sqrt(2))
    return Comparison(difference, interval(difference, *moves), p_value)


def _undisturbed(first: Estimate, second: Estimate) -> Comparison:
    """Two values that no other samples seem to move, such as shares of none and of all.

    Shares are tested with their common share; the interval adds Wilson's squares (Newcombe 1998,
    Statistics in Medicine 17, method 10).
    """
    difference = first.value - second.value
    if difference == 0 or not (first.share and second.share):
        return Comparison(difference, (difference, difference), 1.0 if difference == 0 else 0.0)
    n, m = len(first.moves()[0]), len(second.moves()[0])
    (low, high), (other_low, other_high) = first.interval(), second.interval()
    below = math.hypot(first.value - low, other_high - second.value)
    above = math.hypot(high - first.value, second.value - other_low)
    common = (n * first.value + m * second.value) / (n + m)
    deviation = math.sqrt(common * (1 - common) * (1 / n + 1 / m))
    p_value = math.erfc(abs(difference) / deviation / math.sqrt(2))
    return Comparison(difference, (difference - below, difference + above), p_value)


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


def share_interval(share: float, n: float, z: float = 1.959964) -> tuple[float, float]:
    """Interval of a share of n independent samples that reaches z deviations, by Wilson's score.

    Wilson 1927. The bootstrap of a share is a binomial, whose percentiles cover too little near 0
    and 1; this is its closed form with that mended. n may be an effective number (Korn and Graubard
    1998, Survey Methodology 24).
    """
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    # A share of 0 or 1 is a bound itself, but for the last digit.
    return min(share, max(0.0, centre - half)), max(share, min(1.0, centre + half))
