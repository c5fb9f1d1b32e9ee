"""Distances between many points: searched fast in float32, decided in float64, block by block."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from imggen.metrics.arrays import Array

Index = npt.NDArray[np.integer]

BLOCK = 1000
IN_CACHE = 2**19
"""Numbers that are worked on at a time where they should stay in the processor's cache."""
SPARE = 8
"""Candidates beyond k + 1 whose float32 distances are computed again in float64."""
DOUBT = 1e-5
"""float32 may round a squared distance by so much of the squared norms; closer calls are exact."""


class Points:
    """Features in float64 to decide, and centred float32 copies with norms to search fast.

    Both are divided by `scale`, so that no square overflows or vanishes in float32.
    """

    def __init__(self, features: Array, centre: Array, scale: float = 1.0) -> None:
        self.exact, self.scale = features, scale
        self.fast = torch.empty(features.shape, dtype=torch.float32)
        for start in range(0, len(features), BLOCK):
            rows = slice(start, start + BLOCK)
            self.fast[rows] = torch.from_numpy((features[rows] - centre) / scale)
        self.norms = self.fast.square().sum(dim=1)

    def __len__(self) -> int:
        return len(self.exact)


def both_points(real: Array, fake: Array) -> tuple[Points, Points]:
    """Two sets about the first one's mean, on a common scale: a power of two, so exactly."""
    centre = real.mean(axis=0, dtype=np.float64)
    largest = max(np.abs(x[i : i + BLOCK] - centre).max() for x in (real, fake)
                  for i in range(0, len(x), BLOCK))  # fmt: skip
    scale = 2.0 ** np.floor(np.log2(largest)) if largest > 0 else 1.0
    return Points(real, centre, scale), Points(fake, centre, scale)


def fast_block(
    a: Points,
    rows: slice,
    b: Points,
    columns: slice = slice(None),
    buffer: Tensor | None = None,
    less: float = 0.0,
) -> Tensor:
    """Squared distances (rows, columns) in float32, off by rounding, minus `less` of the norms.

    They are in `buffer`, flat and large enough, if there is one: memory that is asked for anew is
    slow at the first touch.
    """
    left, right = a.fast[rows], b.fast[columns]
    out = None if buffer is None else buffer[: len(left) * len(right)].view(len(left), len(right))
    block = torch.addmm(b.norms[None, columns] * (1 - less), left, right.T, alpha=-2, out=out)
    return block.add_(a.norms[rows, None] * (1 - less))


def rounding(a: Points, i: Index, b: Points, j: Index) -> Array:
    """By how much float32 squared distances of the pairs a[i], b[j] may be off."""
    return DOUBT * (a.norms.numpy()[i] + b.norms.numpy()[j])


def refined(a: Points, i: Index, b: Points, j: Index, squared: Array) -> Array:
    """float32 squared distances (p,), in float64 where their rounding is above a hundredth."""
    poor = rounding(a, i, b, j) > 0.01 * squared
    squared = squared.astype(np.float32, copy=True)
    squared[poor] = exact_pairs(a, i[poor], b, j[poor])
    return squared


def exact_pairs(a: Points, i: Index, b: Points, j: Index) -> Array:
    """Squared distances of the pairs a[i], b[j] in float64, on the points' scale: (len(i),)."""
    out = np.empty(len(i))
    chunk = max(1, IN_CACHE // a.exact.shape[1])
    for start in range(0, len(i), chunk):
        part = slice(start, start + chunk)
        difference = a.exact[i[part]].astype(np.float64) - b.exact[j[part]]
        if a.scale != 1:
            difference /= a.scale
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


def unsure_rows(p: Points, q: Points, kth: Array, last: Index, last_squared: Array) -> Index:
    """Points of p for which float32 may have missed a nearer point of q than the k-th found.

    The points that are no candidates are at least as far in float32 as the farthest candidate
    (`last`, m; `last_squared`). Their norms are unknown, but one that is nearer than the candidate
    has at most the norm that the triangle inequality allows. A k-th distance of zero is the least
    there is, whatever the others are.
    """
    own = np.arange(len(p))
    norms = p.norms.numpy()
    allowed = np.square(np.sqrt(norms) + np.sqrt(last_squared))
    margin = rounding(p, own, q, last) + DOUBT * (norms + allowed)
    return np.flatnonzero((last_squared - kth <= margin) & (kth > 0))


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
    exact = exact_pairs(points, np.repeat(own, kept), points, first.ravel()).reshape(n, kept)
    last = first[own, exact.argmax(axis=1)], exact.max(axis=1)
    exact[first == own[:, None]] = -1.0  # the point itself comes first, and goes
    order = np.argsort(exact, axis=1, kind="stable")
    exact = np.take_along_axis(exact, order, 1)
    names[:, :kept] = np.take_along_axis(first, order, 1)
    found = Nearest(exact[:, 1 : k + 1], names[:, 1 : k + 1], near[:, 1:], names[:, 1:])
    unsure = unsure_rows(points, points, found.squared[:, -1], *last)
    near[:, :kept] = exact
    if listed:
        rows = np.repeat(own, names.shape[1] - kept)
        far = refined(points, rows, points, names[:, kept:].ravel(), near[:, kept:].ravel())
        near[:, kept:] = far.reshape(n, -1)
    for i in unsure if kept < n else ():
        every = exact_pairs(points, np.full(n, i), points, own)
        every[i] = np.inf
        names[i, 1:] = np.argsort(every, kind="stable")[: names.shape[1] - 1]
        near[i, 1:] = every[names[i, 1:]]
        found.squared[i] = every[found.names[i]]
    return found
