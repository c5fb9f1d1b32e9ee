"""Checks that a measure of coherence or variety should pass, on points whose truth is known.

In the spirit of the position paper of Räisä, van Breugel and van der Schaar 2025, arXiv:2505.22450,
which shows that each known measure fails some. The cases here are our own small versions: Gaussians
and mixtures in 16 dimensions, 1,000 points a set, each value a mean over a few draws.

A check says what a measure of coherence must do, or one of variety, or both; a value "stays" when
it moves by less than 0.05 and falls "in proportion" when it follows its line within 0.1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from imggen.metrics import clipped, neighbours, prd
from imggen.metrics.arrays import Array
from imggen.system.files import Json

DIM, POINTS, DRAWS = 16, 1000, 10
COHERENCE = ("precision", "density", "clipped_density", "prd_f1_8")
VARIETY = ("recall", "coverage", "clipped_coverage", "prd_f8")
SLACK, LINE = 0.05, 0.1

Draw = Callable[[float, np.random.Generator], tuple[Array, Array]]
Judge = Callable[[Array, Array], bool]
"""Rungs (k,) and values (k,) -> passed."""


@dataclass(frozen=True)
class Check:
    """One situation, changed step by step, and what the two kinds of measure must say of it."""

    title: str
    rungs: tuple[float, ...]
    draw: Draw
    coherence: Judge | None
    variety: Judge | None
    expected: str


def normal(generator: np.random.Generator, n: int = POINTS, dim: int = DIM) -> Array:
    """Standard normal points (n, dim)."""
    return generator.normal(size=(n, dim))


def mixture(generator: np.random.Generator, modes: int, n: int = POINTS) -> Array:
    """Points of `modes` equal Gaussians of deviation 1, their centres 30 apart."""
    which = generator.integers(0, modes, n)
    centres = 30 / np.sqrt(2) * np.eye(DIM)
    return centres[which] + normal(generator, n)


def stays(_: Array, values: Array) -> bool:
    """No value is more than the slack from the first."""
    return bool(np.abs(values - values[0]).max() < SLACK)


def does_not_fall(_: Array, values: Array) -> bool:
    """No value is more than the slack below the first."""
    return bool((values[0] - values).max() < SLACK)


def falls(_: Array, values: Array) -> bool:
    """The last value is below nine tenths of the first, and no step goes up by the slack."""
    return bool(values[-1] < 0.9 * values[0] and np.diff(values).max() < SLACK)


def in_proportion(rungs: Array, values: Array) -> bool:
    """The values follow the first one times the rung: the share of good samples or modes."""
    return bool(np.abs(values / values[0] - rungs / rungs[0]).max() < LINE)


def near_one(_: Array, values: Array) -> bool:
    """All values lie within a tenth of 1."""
    return bool(np.abs(values - 1).max() < LINE)


def _equal(dim: float, g: np.random.Generator) -> tuple[Array, Array]:
    return normal(g, dim=int(dim)), normal(g, dim=int(dim))


def _shifted(shift: float, g: np.random.Generator) -> tuple[Array, Array]:
    return normal(g), normal(g) + shift


def _scaled(scale: float, g: np.random.Generator) -> tuple[Array, Array]:
    return normal(g), scale * normal(g)


def _dropped(share: float, g: np.random.Generator) -> tuple[Array, Array]:
    return mixture(g, 10), mixture(g, round(10 * share))


def _invented(share: float, g: np.random.Generator) -> tuple[Array, Array]:
    return mixture(g, 5), mixture(g, round(5 / share))


def _junk(good: float, g: np.random.Generator) -> tuple[Array, Array]:
    fake = normal(g)
    fake[round(good * POINTS) :] += 100
    return normal(g), fake


def _real_outlier(distance: float, g: np.random.Generator) -> tuple[Array, Array]:
    real, fake = normal(g), normal(g)
    fake[POINTS // 2 :] += 30
    real[:3] += distance
    return real, fake


def _fake_outlier(distance: float, g: np.random.Generator) -> tuple[Array, Array]:
    fake = mixture(g, 5)
    fake[:3, 5:10] += distance  # towards the missing modes, and beyond
    return mixture(g, 10), fake


def _repeated(share: float, g: np.random.Generator) -> tuple[Array, Array]:
    fake = normal(g)
    return normal(g), fake[np.arange(POINTS) % round(share * POINTS)]


CHECKS = (
    Check("equal sets, in 2 to 512 dimensions", (2, 16, 128, 512), _equal, near_one, near_one,
          "both near 1"),
    Check("the generated cloud moves away", (0, 0.5, 1, 2), _shifted, falls, falls, "both fall"),
    Check("the generated cloud shrinks", (1, 0.8, 0.6, 0.4), _scaled, does_not_fall, falls,
          "coherence does not fall, variety falls"),
    Check("the generated cloud grows", (1, 1.25, 1.5, 2), _scaled, falls, does_not_fall,
          "coherence falls, variety does not"),
    Check("modes are dropped", (1, 0.8, 0.5, 0.2), _dropped, stays, in_proportion,
          "coherence stays, variety falls in proportion"),
    Check("modes are invented", (1, 0.7, 0.5, 0.36), _invented, in_proportion, stays,
          "coherence falls in proportion, variety stays"),
    Check("a share of the samples is junk", (1, 0.75, 0.5, 0.25), _junk, in_proportion, None,
          "coherence falls in proportion"),
    Check("three real outliers, half the samples junk", (0, 30, 60, 100), _real_outlier, stays,
          None, "coherence stays"),
    Check("three generated outliers, half the modes missing", (0, 30, 60, 100), _fake_outlier,
          None, stays, "variety stays"),
    Check("few samples, often repeated", (1, 0.3, 0.1, 0.03), _repeated, None, falls,
          "variety falls"),
)  # fmt: skip


def values_of(real: Array, fake: Array) -> dict[str, float]:
    """The eight measures of points (n, d) and (m, d)."""
    near = neighbours.neighbourhoods(real, fake, intervals=False)
    curve = prd.prd(real, fake, runs=3)
    found = {name: estimate.value for name, estimate in near.estimates().items()}
    return found | {
        "clipped_density": clipped.clipped_density(near).value,
        "clipped_coverage": clipped.clipped_coverage(near).value,
        "prd_f8": curve.f8.value,
        "prd_f1_8": curve.f1_8.value,
    }


def run(check: Check, seed: int = 0, draws: int = DRAWS) -> dict[str, Json]:
    """By measure that the check is about: its values along the rungs, and whether it passes."""
    found = [
        [
            values_of(*check.draw(rung, np.random.default_rng([seed, draw, at])))
            for draw in range(draws)
        ]
        for at, rung in enumerate(check.rungs)
    ]
    result = {}
    for names, judge in ((COHERENCE, check.coherence), (VARIETY, check.variety)):
        if judge is None:
            continue
        for name in names:
            means = np.array([np.mean([values[name] for values in rung]) for rung in found])
            passes = judge(np.array(check.rungs), means)
            result[name] = {"values": means.tolist(), "passes": passes}
    return result
