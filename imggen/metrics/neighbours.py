r"""Precision, recall, density and coverage from nearest neighbours.

Precision and recall: Kynkäänniemi et al. 2019, arXiv:1904.06991, Eq. 1-2, k = 3. A set's manifold
is the union of balls around its points, each reaching the k-th nearest neighbour in the same set.
Precision (coherence) is the share of generated points in the real manifold, recall (variety) the
share of real points in the generated manifold.

Density and coverage: Naeem et al. 2020, arXiv:2002.09797, Eq. 5-6, k = 5. Density counts in how
many real balls a generated point lies, over k (it may exceed 1); coverage is the share of real
balls that hold a generated point, and unlike recall it can't be raised by generated outliers.

Comparisons are strict (`<`), as in the `prdc` package, whose values these are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from imggen.metrics.arrays import Array, check_features

Index = npt.NDArray[np.integer]

BLOCK = 1000
SPARE = 8
"""Candidates beyond k + 1 whose float32 distances are computed again in float64."""
DOUBT = 1e-5
"""Squared distances nearer to a threshold than this times the squared norms are recomputed."""


@dataclass(frozen=True)
class Neighbourhoods:
    """Per sample: what the four numbers are the means of."""

    in_real: Array
    """(m,) whether a generated point lies in the real manifold."""
    in_fake: Array
    """(n,) whether a real point lies in the generated manifold."""
    balls: Array
    """(m,) in how many real balls a generated point lies, over k."""
    covered: Array
    """(n,) whether the ball of a real point holds a generated one."""

    @property
    def precision(self) -> float:
        return float(self.in_real.mean())

    @property
    def recall(self) -> float:
        return float(self.in_fake.mean())

    @property
    def density(self) -> float:
        return float(self.balls.mean())

    @property
    def coverage(self) -> float:
        return float(self.covered.mean())


class _Points:
    """Features in float64 to decide, and centred float32 copies with norms to search fast."""

    def __init__(self, features: Array, centre: Array) -> None:
        self.exact = features
        centred = features - centre
        self.fast = torch.from_numpy(centred.astype(np.float32))
        self.norms = self.fast.square().sum(dim=1)

    def __len__(self) -> int:
        return len(self.exact)


def _fast_block(a: _Points, rows: slice, b: _Points, columns: slice = slice(None)) -> Tensor:
    """Squared distances (rows, columns) in float32, off by rounding."""
    block = torch.addmm(b.norms[None, columns], a.fast[rows], b.fast[columns].T, alpha=-2)
    return block.add_(a.norms[rows, None])


def _exact_pairs(a: Array, i: Index, b: Array, j: Index, chunk: int = 4096) -> Array:
    """Squared distances of the pairs a[i], b[j] in float64: (len(i),)."""
    out = np.empty(len(i))
    for start in range(0, len(i), chunk):
        part = slice(start, start + chunk)
        difference = a[i[part]].astype(np.float64) - b[j[part]]
        out[part] = np.einsum("nd,nd->n", difference, difference)
    return out


def nearest_candidates(points: _Points, kept: int) -> Index:
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
        block = _fast_block(points, rows, points, rest)
        found = block.topk(min(kept, n - start), dim=1, largest=False, sorted=False)
        offer(rows, found.values, found.indices + start)
        right = block[:, rows.stop - start :]
        if right.shape[1]:
            found = right.T.topk(min(kept, len(right)), dim=1, largest=False, sorted=False)
            offer(slice(rows.stop, n), found.values, found.indices + start)
    return index.numpy()


def squared_radii(points: _Points, ks: tuple[int, ...]) -> dict[int, Array]:
    """For each k, the squared distance (n,) of each point to its k-th nearest other point."""
    n = len(points)
    kept = min(n, max(ks) + 1 + SPARE)
    nearest = nearest_candidates(points, kept)
    own = np.repeat(np.arange(n), kept)
    exact = _exact_pairs(points.exact, own, points.exact, nearest.ravel())
    exact = np.sort(exact.reshape(n, kept), axis=1)
    return {k: exact[:, k] for k in ks}  # column 0 is the point itself


def neighbourhoods(
    real: Array, fake: Array, k_manifold: int = 3, k_density: int = 5
) -> Neighbourhoods:
    """All four memberships from one pass over the pairs of features (n, d) and (m, d).

    Memory grows with n + m, not with n · m.

    Raises: ValueError when a set has no k + 1 samples, for NaN, or unequal dimensions.
    """
    real, fake = check_features(real, fake, least=max(k_manifold, k_density) + 1)
    centre = real.mean(axis=0, dtype=np.float64)
    p, q = _Points(real, centre), _Points(fake, centre)
    radii = squared_radii(p, (k_manifold, k_density))
    manifold, ball = radii[k_manifold], radii[k_density]
    fake_manifold = squared_radii(q, (k_manifold,))[k_manifold]

    in_real, balls = np.zeros(len(q), dtype=bool), np.zeros(len(q))
    in_fake, covered = np.zeros(len(p), dtype=bool), np.zeros(len(p), dtype=bool)
    for start in range(0, len(p), BLOCK):
        rows = slice(start, min(len(p), start + BLOCK))
        block = _fast_block(p, rows, q)
        _, j = _inside(block, p, rows, q, manifold[rows, None])
        in_real[j] = True
        i, _ = _inside(block, p, rows, q, fake_manifold[None, :])
        in_fake[i] = True
        i, j = _inside(block, p, rows, q, ball[rows, None])
        balls += np.bincount(j, minlength=len(q))
        covered[i] = True
    return Neighbourhoods(in_real, in_fake, balls / k_density, covered)


def _inside(
    block: Tensor, a: _Points, rows: slice, b: _Points, limit: Array
) -> tuple[Index, Index]:
    """The pairs (i, j) strictly nearer than their squared limit; close calls in float64."""
    margin = DOUBT * float(a.norms[rows].max() + b.norms.max())
    threshold = torch.from_numpy(limit.astype(np.float32))
    found = (block < threshold + margin).nonzero()
    near = block[found[:, 0], found[:, 1]].numpy()
    i, j = found[:, 0].numpy(), found[:, 1].numpy()
    limits = np.broadcast_to(limit, block.shape)[i, j]
    inside, doubtful = near < limits, np.abs(near - limits) <= margin
    exact = _exact_pairs(a.exact, i[doubtful] + rows.start, b.exact, j[doubtful])
    inside[doubtful] = exact < limits[doubtful]
    return i[inside] + rows.start, j[inside]
