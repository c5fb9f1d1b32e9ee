"""What neighbour metrics count, counted again within each half of many cuts (`halves.py`).

The pass over all pairs is made once for the metrics themselves. Here it only leaves, for each cut,
the pairs of one half that are near enough: a ball of a half reaches the k-th neighbour *in that
half*, which is among the nearest few of the whole set. Distances are good to a hundredth: the cuts
tell how far a metric moves, not what it is.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from imggen.metrics.arrays import Array
from imggen.metrics.certainty import halves
from imggen.metrics.certainty.halves import CUTS, Bools
from imggen.metrics.distances import Index


def listed_for(k: int) -> int:
    """How many nearest points to list: fewer than k of them lie in one's own half too seldom to
    matter (k = 5: once in 100,000)."""
    return 4 * k + 12


def median_radius(squared: Array) -> float:
    """The square of the median radius, from squared radii (n,)."""
    return float(np.square(np.median(np.sqrt(squared))))


class Side:
    """One set's cuts, and the squared distances (n, listed) and names of its nearest points."""

    def __init__(self, near: Array, names: Index, seed: int) -> None:
        self.near, self.names = near, names
        self.members = halves.cuts(len(near), seed)
        self.signs = np.where(self.members, 1, -1).astype(np.float32)

    def __len__(self) -> int:
        return len(self.near)

    def ranks(self, cut: int) -> tuple[Bools, Index]:
        """Which listed points (n, listed) are in one's own half, and how many up to each are."""
        same = self.members[cut][self.names] == self.members[cut][:, None]
        return same, same.cumsum(axis=1, dtype=np.int16)

    def radii(self, k: int) -> Array:
        """Squared distance (CUTS, n) of each point to its k-th nearest in its own half."""
        out = np.empty((CUTS, len(self)), dtype=np.float32)
        for cut in range(CUTS):
            at = (self.ranks(cut)[1] < k).sum(axis=1).clip(max=self.near.shape[1] - 1)
            out[cut] = self.near[np.arange(len(self)), at]
        return out

    def clip(self, radii: Array) -> Array:
        """The radii (CUTS, n), none above the median of its half."""
        clipped = np.empty_like(radii)
        for cut, members in enumerate(self.members):
            for half in (members, ~members):
                clipped[cut, half] = np.minimum(radii[cut, half], median_radius(radii[cut, half]))
        return clipped

    def in_own_balls(self, k: int, radii: Array) -> Index:
        """In how many balls of its k nearest around other points each one lies: (CUTS, n)."""
        out = np.empty((CUTS, len(self)), dtype=np.int64)
        for cut in range(CUTS):
            same, rank = self.ranks(cut)
            inside = same & (rank <= k) & (self.near <= radii[cut][:, None])
            out[cut] = np.bincount(self.names[inside], minlength=len(self))
        return out


class Tally:
    """Counts, by cut, the pairs (i, j) of one half with a distance below the radius of i."""

    def __init__(self, radii: Array, of: Side, others: Side) -> None:
        self.radii, self.of, self.others = radii, of, others
        self.least, self.most = radii.min(axis=0), radii.max(axis=0)
        self.by_ball = np.zeros((CUTS, len(of)), dtype=np.int32)
        """(CUTS, n) points in each ball."""
        self.by_point = np.zeros((CUTS, len(others)), dtype=np.int32)
        """(CUTS, m) balls around each point."""

    def add(self, i: Index, j: Index, squared: Array) -> None:
        """Counts pairs (p,) of ball i and point j."""
        near = squared < self.most[i]
        i, j, squared = i[near], j[near], squared[near]
        always = squared < self.least[i]
        self._add_always(i[always], j[always])
        i, j, squared = i[~always], j[~always], squared[~always]
        for cut in range(CUTS):
            inside = squared < self.radii[cut][i]
            inside &= self.of.members[cut][i] == self.others.members[cut][j]
            self.by_ball[cut] += np.bincount(i[inside], minlength=len(self.of)).astype(np.int32)
            self.by_point[cut] += np.bincount(j[inside], minlength=len(self.others)).astype(
                np.int32
            )

    def _add_always(self, i: Index, j: Index) -> None:
        """Pairs that are near enough in every cut: as sums of signs, which are products."""
        if not len(i):
            return
        shape = len(self.of), len(self.others)
        pairs = csr_array((np.ones(len(i), dtype=np.float32), (i, j)), shape=shape)
        # Of a ball's points, those of its half are half of (all + sign of the ball * their signs).
        by_ball = pairs.sum(axis=1) + self.of.signs * (pairs @ self.others.signs.T).T
        by_point = pairs.sum(axis=0) + self.others.signs * (pairs.T @ self.of.signs.T).T
        self.by_ball += np.rint(by_ball / 2).astype(np.int32)
        self.by_point += np.rint(by_point / 2).astype(np.int32)


class BallHalves:
    """The six neighbour metrics in each half of each cut."""

    def __init__(self, real: Side, fake: Side, k_manifold: int, k_balls: int) -> None:
        self.real, self.fake, self.k = real, fake, k_balls
        ball = real.radii(k_balls)
        clipped = real.clip(ball)
        self.manifold = Tally(real.radii(k_manifold), real, fake)
        self.fake_manifold = Tally(fake.radii(k_manifold), fake, real)
        self.balls, self.clipped = Tally(ball, real, fake), Tally(clipped, real, fake)
        self.clipped_own = real.in_own_balls(k_balls, clipped)
        self.reach_real = np.maximum(self.manifold.most, self.balls.most)
        """(n,) beyond it no cut has a ball around a real point."""
        self.reach_fake = self.fake_manifold.most
        """(m,) the same around generated points."""

    def add(self, i: Index, j: Index, squared: Array) -> None:
        """Counts pairs (p,) of real point i and generated point j, all within reach."""
        for tally in (self.manifold, self.balls, self.clipped):
            tally.add(i, j, squared)
        self.fake_manifold.add(j, i, squared)

    def parts(self) -> dict[str, Array]:
        """By metric its values (2, CUTS) in halves A and B.

        Of clipped coverage the mean of min(held, k) / k, not yet calibrated.
        """
        of_real, of_fake = self.real.members, self.fake.members
        held, clipped = self.balls.by_ball, self.clipped.by_point
        own = halves.means(np.minimum(self.clipped_own / self.k, 1), of_real)
        return {
            "precision": halves.means(self.manifold.by_point > 0, of_fake),
            "recall": halves.means(self.fake_manifold.by_point > 0, of_real),
            "density": halves.means(self.balls.by_point / self.k, of_fake),
            "coverage": halves.means(held > 0, of_real),
            "clipped_density": halves.means(np.minimum(clipped / self.k, 1), of_fake) / own,
            "clipped_coverage": halves.means(np.minimum(held / self.k, 1), of_real),
        }
