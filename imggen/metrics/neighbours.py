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

from imggen.metrics import halves
from imggen.metrics.arrays import Array, check_features
from imggen.metrics.ball_halves import LISTED, BallHalves, Side
from imggen.metrics.bootstrap import Estimate, mean_of, share_of

Index = npt.NDArray[np.integer]

BLOCK = 1000
IN_CACHE = 2**19
"""Numbers that are worked on at a time where they should stay in the processor's cache."""
SPARE = 8
"""Candidates beyond k + 1 whose float32 distances are computed again in float64."""
DOUBT = 1e-5
"""Squared distances nearer to a threshold than this times the squared norms are recomputed."""


@dataclass(frozen=True)
class Neighbourhoods:
    """Per sample: what the numbers are the means of. Real points (n), generated ones (m)."""

    k: int
    """That of the balls; the manifolds of precision and recall have their own."""
    in_real: npt.NDArray[np.bool]
    """(m,) whether a generated point lies in the real manifold."""
    in_fake: npt.NDArray[np.bool]
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
            "density": mean_of(self.balls / self.k, of="fake"),
            "coverage": share_of(self.held > 0, of="real"),
        }
        return {name: replace(e, halves=self.apart(name)) for name, e in found.items()}

    def apart(self, name: str) -> Array | None:
        """Half differences (CUTS,) of a metric, None without intervals."""
        return halves.differences(self.parts[name]) if self.parts else None


class Points:
    """Features in float64 to decide, and centred float32 copies with norms to search fast."""

    def __init__(self, features: Array, centre: Array) -> None:
        self.exact = features
        self.fast = torch.empty(features.shape, dtype=torch.float32)
        for start in range(0, len(features), BLOCK):
            rows = slice(start, start + BLOCK)
            self.fast[rows] = torch.from_numpy(features[rows] - centre)
        self.norms = self.fast.square().sum(dim=1)

    def __len__(self) -> int:
        return len(self.exact)


def fast_block(
    a: Points, rows: slice, b: Points, columns: slice = slice(None), buffer: Tensor | None = None
) -> Tensor:
    """Squared distances (rows, columns) in float32, off by rounding; in `buffer` if there is one.

    A buffer is flat and large enough: memory that is asked for anew is slow at the first touch.
    """
    left, right = a.fast[rows], b.fast[columns]
    out = None if buffer is None else buffer[: len(left) * len(right)].view(len(left), len(right))
    block = torch.addmm(b.norms[None, columns], left, right.T, alpha=-2, out=out)
    return block.add_(a.norms[rows, None])


def exact_pairs(a: Array, i: Index, b: Array, j: Index) -> Array:
    """Squared distances of the pairs a[i], b[j] in float64: (len(i),)."""
    out = np.empty(len(i))
    chunk = max(1, IN_CACHE // a.shape[1])
    for start in range(0, len(i), chunk):
        part = slice(start, start + chunk)
        difference = a[i[part]].astype(np.float64) - b[j[part]]
        out[part] = np.einsum("nd,nd->n", difference, difference)
    return out


def nearest_candidates(points: Points, kept: int) -> tuple[Array, Index]:
    """For each point its nearest points in float32, itself among them.

    The matrix of distances is symmetric: only blocks on and right of its diagonal are computed, and
    each serves its rows and its columns.

    Returns: squared distances (n, kept), ascending, and indices.
    """
    n = len(points)
    best = torch.full((n, kept), torch.inf)
    index = torch.zeros((n, kept), dtype=torch.int64)

    def offer(at: slice, distances: Tensor, names: Tensor) -> None:
        both = torch.cat([best[at], distances], dim=1)
        best[at], order = both.topk(kept, dim=1, largest=False, sorted=False)
        index[at] = torch.cat([index[at], names], dim=1).gather(1, order)

    buffer = torch.empty(min(n, BLOCK) * n)
    for start in range(0, n, BLOCK):
        rows, rest = slice(start, min(n, start + BLOCK)), slice(start, n)
        block = fast_block(points, rows, points, rest, buffer)
        found = block.topk(min(kept, n - start), dim=1, largest=False, sorted=False)
        offer(rows, found.values, found.indices + start)
        right = block[:, rows.stop - start :]
        if right.shape[1]:
            found = right.T.topk(min(kept, len(right)), dim=1, largest=False, sorted=False)
            offer(slice(rows.stop, n), found.values, found.indices + start)
    best, order = best.sort(dim=1, stable=True)
    return best.numpy(), index.gather(1, order).numpy()


@dataclass(frozen=True)
class Nearest:
    """Each point's nearest other points, in ascending order."""

    squared: Array
    """Squared distances (n, k) in float64."""
    names: Index
    """Their indices (n, k)."""
    listed: Array
    """More of them (n, listed), to float32."""
    listed_names: Index


def nearest_others(points: Points, k: int, listed: int = 0) -> Nearest:
    """For each point its k nearest other points, and if asked for more of them, less exactly.

    Candidates are found in float32, more than k, and sorted by their float64 distances. Where
    float32 can't tell the candidates from the rest, all distances are taken in float64.
    """
    n = len(points)
    kept = min(n, k + 1 + SPARE)
    near, names = nearest_candidates(points, min(n, max(kept, listed + 1)))
    own, first = np.arange(n), names[:, :kept]
    exact = exact_pairs(points.exact, np.repeat(own, kept), points.exact, first.ravel())
    exact = exact.reshape(n, kept)
    last = exact.max(axis=1)
    exact[first == own[:, None]] = -1.0  # the point itself comes first, and goes
    order = np.argsort(exact, axis=1, kind="stable")
    exact = np.take_along_axis(exact, order, 1)
    near[:, :kept], names[:, :kept] = exact, np.take_along_axis(first, order, 1)
    found = Nearest(exact[:, 1 : k + 1], names[:, 1 : k + 1], near[:, 1:], names[:, 1:])
    margin = 2 * DOUBT * (points.norms + points.norms.max()).numpy()
    # A distance of zero is the least there is, whatever the others are.
    unsure = (last - found.squared[:, -1] <= margin) & (found.squared[:, -1] > 0)
    for i in np.flatnonzero(unsure) if kept < n else ():
        every = exact_pairs(points.exact, np.full(n, i), points.exact, own)
        every[i] = np.inf
        names[i, 1:] = np.argsort(every, kind="stable")[: names.shape[1] - 1]
        near[i, 1:] = every[names[i, 1:]]
        found.squared[i] = every[found.names[i]]
    return found


def neighbourhoods(
    real: Array, fake: Array, k_manifold: int = 3, k_density: int = 5, intervals: bool = True
) -> Neighbourhoods:
    """All memberships from one pass over the pairs of features (n, d) and (m, d).

    Memory grows with n + m, not with n · m. Without `intervals` there are no `parts`.

    Raises: ValueError when a set has no k + 1 samples, for NaN, or unequal dimensions.
    """
    real, fake = check_features(real, fake, least=max(k_manifold, k_density) + 1)
    centre = real.mean(axis=0, dtype=np.float64)
    p, q = Points(real, centre), Points(fake, centre)
    listed = LISTED if intervals else 0
    around = nearest_others(p, max(k_manifold, k_density), listed)
    around_fake = nearest_others(q, k_manifold, listed)
    manifold, ball = around.squared[:, k_manifold - 1], around.squared[:, k_density - 1]
    clipped = np.minimum(ball, np.median(ball))
    inside = around.squared[:, :k_density] <= clipped[:, None]
    own = np.bincount(around.names[:, :k_density][inside], minlength=len(p))
    cut = None
    if intervals:
        real_side = Side(around.listed, around.listed_names, seed=0)
        fake_side = Side(around_fake.listed, around_fake.listed_names, seed=1)
        cut = BallHalves(real_side, fake_side, k_manifold, k_density)

    n, m = len(p), len(q)
    in_real, in_fake = np.zeros(m, dtype=bool), np.zeros(n, dtype=bool)
    balls, held, clipped_balls = (np.zeros(size, dtype=np.int64) for size in (m, n, m))
    buffer = torch.empty(min(n, BLOCK) * m)
    for start in range(0, n, BLOCK):
        pairs = _Pairs(p, slice(start, min(n, start + BLOCK)), q, buffer)
        in_real[pairs.inside(manifold[pairs.rows, None])[1]] = True
        in_fake[pairs.inside(around_fake.squared[None, :, -1])[0]] = True
        i, j = pairs.inside(ball[pairs.rows, None])
        held += np.bincount(i, minlength=n)
        balls += np.bincount(j, minlength=m)
        clipped_balls += np.bincount(pairs.inside(clipped[pairs.rows, None])[1], minlength=m)
        if cut is not None:
            cut.add(*pairs.within(cut.reach_real[pairs.rows], cut.reach_fake))
    counts = (balls, held, clipped_balls, own)
    return Neighbourhoods(k_density, in_real, in_fake, *counts, cut.parts() if cut else {})


class _Pairs:
    """A block of distances: the points `rows` of one set to all of the other."""

    def __init__(self, a: Points, rows: slice, b: Points, buffer: Tensor) -> None:
        self.a, self.rows, self.b = a, rows, b
        self.block = fast_block(a, rows, b, buffer=buffer)
        self.margin = DOUBT * float(a.norms[rows].max() + b.norms.max())

    def inside(self, limit: Array) -> tuple[Index, Index]:
        """The pairs (i, j) strictly nearer than their squared limit; close calls in float64."""
        threshold = torch.from_numpy(limit.astype(np.float32))
        found = (self.block < threshold + self.margin).nonzero()
        near = self.block[found[:, 0], found[:, 1]].numpy()
        i, j = found[:, 0].numpy(), found[:, 1].numpy()
        limits = np.broadcast_to(limit, self.block.shape)[i, j]
        inside, doubtful = near < limits, np.abs(near - limits) <= self.margin
        rows = i + self.rows.start
        exact = exact_pairs(self.a.exact, rows[doubtful], self.b.exact, j[doubtful])
        inside[doubtful] = exact < limits[doubtful]
        return rows[inside], j[inside]

    def within(self, of_rows: Array, of_columns: Array) -> tuple[Index, Index, Array]:
        """The pairs (i, j) nearer than either's squared limit, and their distances, to float32."""
        near = self.block < torch.from_numpy(of_rows)[:, None]
        near |= self.block < torch.from_numpy(of_columns)
        found = near.nonzero()
        squared = self.block[found[:, 0], found[:, 1]].numpy()
        return found[:, 0].numpy() + self.rows.start, found[:, 1].numpy(), squared
