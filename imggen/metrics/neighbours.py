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

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from imggen.metrics.arrays import Array, check_features
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
    recall_by: Array
    """(m,) what recall would lose without a generated point, the other balls as they are."""
    coverage_by: Array
    """(m,) what coverage would lose without it."""
    clipped_by: Array
    """(m,) what the mean of min(held, k) / k would lose without it."""

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
        """The four numbers with each sample's influence; the balls are taken as they are."""
        return {
            "precision": share_of(self.in_real, of="fake"),
            "recall": replace(share_of(self.in_fake, of="real"), fake=jackknife(self.recall_by)),
            "density": mean_of(self.balls / self.k, of="fake"),
            "coverage": replace(
                share_of(self.held > 0, of="real"), fake=jackknife(self.coverage_by)
            ),
        }


def jackknife(losses: Array) -> Array:
    """Influences (m,) from what a value loses without each sample (Efron and Stein 1981)."""
    return (len(losses) - 1) * (losses - losses.mean())


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


def fast_block(a: Points, rows: slice, b: Points, columns: slice = slice(None)) -> Tensor:
    """Squared distances (rows, columns) in float32, off by rounding."""
    block = torch.addmm(b.norms[None, columns], a.fast[rows], b.fast[columns].T, alpha=-2)
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


def nearest_candidates(points: Points, kept: int) -> Index:
    """For each point, the indices (n, kept) of its nearest points in float32, itself among them.

    The matrix of distances is symmetric: only blocks on and right of its diagonal are computed, and
    each serves its rows and its columns.
    """
    n = len(points)
    best = torch.full((n, kept), torch.inf)
    index = torch.zeros((n, kept), dtype=torch.int64)

    def offer(at: slice, distances: Tensor, names: Tensor) -> None:
        both = torch.cat([best[at], distances], dim=1)
        best[at], order = both.topk(kept, dim=1, largest=False, sorted=False)
        index[at] = torch.cat([index[at], names], dim=1).gather(1, order)

    for start in range(0, n, BLOCK):
        rows, rest = slice(start, min(n, start + BLOCK)), slice(start, n)
        block = fast_block(points, rows, points, rest)
        found = block.topk(min(kept, n - start), dim=1, largest=False, sorted=False)
        offer(rows, found.values, found.indices + start)
        right = block[:, rows.stop - start :]
        if right.shape[1]:
            found = right.T.topk(min(kept, len(right)), dim=1, largest=False, sorted=False)
            offer(slice(rows.stop, n), found.values, found.indices + start)
    return index.numpy()


def nearest_others(points: Points, k: int) -> tuple[Array, Index]:
    """For each point its k nearest other points: squared distances (n, k) ascending, and indices.

    Candidates are found in float32, more than asked for, and sorted by their float64 distances.
    Where float32 can't tell the candidates from the rest, all distances are taken in float64.
    """
    n = len(points)
    kept = min(n, k + 1 + SPARE)
    nearest = nearest_candidates(points, kept)
    own = np.repeat(np.arange(n), kept)
    exact = exact_pairs(points.exact, own, points.exact, nearest.ravel()).reshape(n, kept)
    exact[nearest == np.arange(n)[:, None]] = -1.0  # the point itself comes first, and goes
    order = np.argsort(exact, axis=1, kind="stable")[:, 1 : k + 1]
    squared, names = np.take_along_axis(exact, order, 1), np.take_along_axis(nearest, order, 1)
    margin = 2 * DOUBT * (points.norms + points.norms.max()).numpy()
    # A distance of zero is the least there is, whatever the others are.
    unsure = (exact.max(axis=1) - squared[:, -1] <= margin) & (squared[:, -1] > 0)
    for i in np.flatnonzero(unsure) if kept < n else ():
        every = exact_pairs(points.exact, np.full(n, i), points.exact, np.arange(n))
        every[i] = np.inf
        names[i] = np.argsort(every, kind="stable")[:k]
        squared[i] = every[names[i]]
    return squared, names


def neighbourhoods(
    real: Array, fake: Array, k_manifold: int = 3, k_density: int = 5
) -> Neighbourhoods:
    """All memberships from one pass over the pairs of features (n, d) and (m, d).

    Memory grows with n + m, not with n · m.

    Raises: ValueError when a set has no k + 1 samples, for NaN, or unequal dimensions.
    """
    real, fake = check_features(real, fake, least=max(k_manifold, k_density) + 1)
    centre = real.mean(axis=0, dtype=np.float64)
    p, q = Points(real, centre), Points(fake, centre)
    near, names = nearest_others(p, max(k_manifold, k_density))
    manifold, ball = near[:, k_manifold - 1], near[:, k_density - 1]
    clipped = np.minimum(ball, np.median(ball))
    own = names[:, :k_density][near[:, :k_density] <= clipped[:, None]]
    fake_manifold = nearest_others(q, k_manifold)[0][:, -1]

    n, m = len(p), len(q)
    in_real, in_fake = np.zeros(m, dtype=bool), np.zeros(n, dtype=bool)
    losses = np.zeros((3, m))
    balls, held, clipped_balls = (np.zeros(size, dtype=np.int64) for size in (m, n, m))
    for start in range(0, n, BLOCK):
        pairs = _Pairs(p, slice(start, min(n, start + BLOCK)), q)
        in_real[pairs.inside(manifold[pairs.rows, None])[1]] = True
        i, j = pairs.inside(fake_manifold[None, :])
        in_fake[i] = True
        losses[0] += _bincount_if(j, np.bincount(i, minlength=n)[i] == 1, m)
        i, j = pairs.inside(ball[pairs.rows, None])
        balls += np.bincount(j, minlength=m)
        inside = np.bincount(i, minlength=n)
        held += inside
        losses[1] += _bincount_if(j, inside[i] == 1, m)
        losses[2] += _bincount_if(j, inside[i] <= k_density, m) / k_density
        _, j = pairs.inside(clipped[pairs.rows, None])
        clipped_balls += np.bincount(j, minlength=m)
    counts = (balls, held, clipped_balls, np.bincount(own, minlength=n))
    return Neighbourhoods(k_density, in_real, in_fake, *counts, *(losses / n))


def _bincount_if(index: Index, counted: npt.NDArray[np.bool], size: int) -> Index:
    return np.bincount(index[counted], minlength=size)


class _Pairs:
    """A block of distances: the points `rows` of one set to all of the other."""

    def __init__(self, a: Points, rows: slice, b: Points) -> None:
        self.a, self.rows, self.b = a, rows, b
        self.block = fast_block(a, rows, b)
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
