r"""Precision, recall, density and coverage from nearest neighbours.

Precision and recall: Kynkäänniemi et al. 2019, arXiv:1904.06991, Eq. 1-2, k = 3. A set's manifold
is the union of balls around its points, each reaching the k-th nearest neighbour in the same set.
Precision (coherence) is the share of generated points in the real manifold, recall (variety) the
share of real points in the generated manifold.

Density and coverage: Naeem et al. 2020, arXiv:2002.09797, Eq. 5-6, k = 5. Density counts in how
many real balls a generated point lies, over k (it may exceed 1); coverage is the share of real
balls that hold a generated point, and unlike recall it can't be raised by generated outliers.

Clipped density and coverage: Salvy, Talbot and Thirion 2025, arXiv:2507.01761, in `clipped.py`;
what they count is counted here.

Comparisons are strict (`<`), as in the `prdc` package, whose values the first four are.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from imggen.metrics.arrays import Array, check_features
from imggen.metrics.certainty import halves
from imggen.metrics.certainty.ball_halves import BallHalves, Side, listed_for, median_radius
from imggen.metrics.certainty.estimate import Estimate, mean_of, share_of
from imggen.metrics.distances import (
    DOUBT,
    Index,
    Points,
    both_points,
    exact_pairs,
    fast_block,
    nearest_others,
    refined,
    rounding,
)

Bools = npt.NDArray[np.bool_]

BLOCK = 1000


@dataclass(frozen=True)
class Neighbourhoods:
    """Per sample: what the numbers are the means of. Real points (n), generated ones (m)."""

    k: int
    """That of the balls; the manifolds of precision and recall have their own."""
    in_real: Bools
    """(m,) whether a generated point lies in the real manifold."""
    in_fake: Bools
    """(n,) whether a real point lies in the generated manifold."""
    balls: Index
    """(m,) number of real balls in which a generated point lies."""
    held: Index
    """(n,) number of generated points in the ball of a real one."""
    clipped_balls: Index
    """(m,) as `balls`, no radius above the median radius."""
    clipped_own: Index
    """(n,) number of other points' clipped balls in which a real point lies."""
    parts: dict[str, Array] = field(default_factory=dict)
    """By metric its values (2, CUTS) in two halves; none without intervals."""

    @property
    def precision(self) -> float:
        return float(self.in_real.mean())

    @property
    def recall(self) -> float:
        return float(self.in_fake.mean())

    @property
    def density(self) -> float:
        return float(self.balls.mean()) / self.k

    @property
    def coverage(self) -> float:
        return float((self.held > 0).mean())

    def estimates(self) -> dict[str, Estimate]:
        """The four numbers, each with what it says in two halves of the samples."""
        found = {
            "precision": share_of(self.in_real, of="fake"),
            "recall": share_of(self.in_fake, of="real"),
            "density": replace(mean_of(self.balls / self.k, of="fake"), bounds=(0, np.inf)),
            "coverage": share_of(self.held > 0, of="real"),
        }
        return {name: replace(e, halves=self.apart(name)) for name, e in found.items()}

    def apart(self, name: str) -> Array | None:
        """Half differences (CUTS,) of a metric, None without intervals."""
        return halves.differences(self.parts[name]) if self.parts else None


def neighbourhoods(
    real: Array, fake: Array, k_manifold: int = 3, k_density: int = 5, intervals: bool = True
) -> Neighbourhoods:
    """All memberships from one pass over the pairs of features (n, d) and (m, d).

    Memory grows with n + m, not with n · m. Without `intervals` there are no `parts`.

    Raises: ValueError when a set, or with intervals half of it, has no k + 1 samples, for NaN, or
    unequal dimensions.
    """
    k = max(k_manifold, k_density)
    real, fake = check_features(real, fake, least=(k + 1) * (2 if intervals else 1))
    p, q = both_points(real, fake)
    listed = listed_for(k) if intervals else 0
    around, around_fake = nearest_others(p, k, listed), nearest_others(q, k_manifold, listed)
    ball = around.squared[:, k_density - 1]
    clipped = np.minimum(ball, median_radius(ball))
    inside = around.squared[:, :k_density] <= clipped[:, None]
    own = np.bincount(around.names[:, :k_density][inside], minlength=len(p))
    cut = None
    if intervals:
        real_side = Side(around.listed, around.listed_names, seed=0)
        fake_side = Side(around_fake.listed, around_fake.listed_names, seed=1)
        cut = BallHalves(real_side, fake_side, k_manifold, k_density)
    limits = around.squared[:, k_manifold - 1], around_fake.squared[:, -1], ball, clipped
    counted = _count(p, q, limits, cut)
    return Neighbourhoods(k_density, *counted, own, cut.parts() if cut else {})


def _count(
    p: Points, q: Points, limits: tuple[Array, ...], cut: BallHalves | None
) -> tuple[Bools, Bools, Index, Index, Index]:
    """The pass over all pairs: in_real, in_fake, balls, held, clipped_balls."""
    manifold, fake_manifold, ball, clipped = limits
    n, m = len(p), len(q)
    in_real, in_fake = np.zeros(m, dtype=bool), np.zeros(n, dtype=bool)
    balls, held, clipped_balls = (np.zeros(size, dtype=np.int64) for size in (m, n, m))
    buffer = torch.empty(min(n, BLOCK) * m)
    for start in range(0, n, BLOCK):
        pairs = _Pairs(p, slice(start, min(n, start + BLOCK)), q, buffer)
        in_real[pairs.inside(manifold[pairs.rows, None])[1]] = True
        in_fake[pairs.inside(fake_manifold[None, :])[0]] = True
        i, j = pairs.inside(ball[pairs.rows, None])
        held += np.bincount(i, minlength=n)
        balls += np.bincount(j, minlength=m)
        clipped_balls += np.bincount(pairs.inside(clipped[pairs.rows, None])[1], minlength=m)
        if cut is not None:
            cut.add(*pairs.within(cut.reach_real[pairs.rows], cut.reach_fake))
    return in_real, in_fake, balls, held, clipped_balls


class _Pairs:
    """A block of distances: the points `rows` of one set to all of the other."""

    def __init__(self, a: Points, rows: slice, b: Points, buffer: Tensor) -> None:
        self.a, self.rows, self.b = a, rows, b
        self.least = fast_block(a, rows, b, buffer=buffer, less=DOUBT)
        """What the squared distances are at least, whatever their rounding."""

    def inside(self, limit: Array) -> tuple[Index, Index]:
        """The pairs (i, j) strictly nearer than their squared limit; close calls in float64."""
        i, j, near = self._at(self.least < torch.from_numpy(limit.astype(np.float32)))
        limits = np.broadcast_to(limit, self.least.shape)[i - self.rows.start, j]
        inside = near < limits
        doubtful = np.abs(near - limits) <= rounding(self.a, i, self.b, j)
        exact = exact_pairs(self.a, i[doubtful], self.b, j[doubtful])
        inside[doubtful] = exact < limits[doubtful]
        return i[inside], j[inside]

    def within(self, of_rows: Array, of_columns: Array) -> tuple[Index, Index, Array]:
        """The pairs (i, j) nearer than either's squared limit, and their distances, to float32."""
        near = self.least < torch.from_numpy(of_rows)[:, None]
        near |= self.least < torch.from_numpy(of_columns)
        i, j, squared = self._at(near)
        return i, j, refined(self.a, i, self.b, j, squared)

    def _at(self, chosen: Tensor) -> tuple[Index, Index, Array]:
        """The chosen pairs (i, j) and their squared distances in float32."""
        rows, columns = chosen.nonzero().T
        i, j = rows.numpy() + self.rows.start, columns.numpy()
        return i, j, self.least[rows, columns].numpy() + rounding(self.a, i, self.b, j)
