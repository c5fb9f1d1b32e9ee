r"""Memorisation: does the generator make new samples, or give its training set back?

No metric that compares generated with real samples notices a copy: a generator that repeats the
training set has the best Fréchet distance there is. These need both the training set and held-out
samples, or the training set alone:

- `authenticity` (Alaa et al. 2022, arXiv:2102.08921): a generated sample is a copy if
  it is nearer to its nearest training sample than that one is to any other training sample. Real
  held-out samples are no copies, yet don't score 1: 0.33 to 0.5 at even density, more where it
  falls off. Only their value, the floor, gives it a meaning.
- `data_copying`: the C_T of Meehan, Chaudhuri and Dasgupta 2020, arXiv:2004.05675. In
  each cell of the training set, a Mann-Whitney test: are generated samples nearer to the training
  set than held-out ones are? Its z values are averaged by the cells' weights. Far below 0: copies;
  far above 0: the generator stays away from the data. Few copies among many good samples hide.
- `near_copies`: the share of generated samples nearer to a training sample than all but 1 % of
  held-out ones. 0.01 is what new samples have; it finds the few copies that the other two miss.

The training set is taken as it is: intervals are for other generated and held-out samples. All
trust the features' distances: features that ignore a detail can't tell a copy from a sample that
differs in it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from imggen.metrics.arrays import Array, check_features
from imggen.metrics.certainty import halves
from imggen.metrics.certainty.estimate import Estimate, share_of
from imggen.metrics.distances import Index, both_points, exact_pairs, fast_block, unsure_rows

BLOCK = 500
CANDIDATES = 4
"""Nearest points in float32 whose distances are computed again in float64."""
NEAR = 0.01
CELLS = 10
FEW = 20
"""Cells with fewer generated or held-out samples say nothing and are left out."""


def nearest(points: Array, reference: Array, k: int = 1) -> tuple[Array, Index]:
    """Distances (m, k) of points (m, d) to their nearest reference points (n, d), and indices.

    Raises: ValueError for fewer than k reference points, NaN, or unequal dimensions.
    """
    reference, points = check_features(reference, points, least=1)
    if len(reference) < k:
        raise ValueError(f"{k} nearest neighbours were asked for among {len(reference)} samples.")
    q, p = both_points(reference, points)
    kept = min(len(q), k + CANDIDATES)
    found = [
        fast_block(p, slice(i, i + BLOCK), q).topk(kept, dim=1, largest=False).indices
        for i in range(0, len(p), BLOCK)
    ]
    names, own = torch.cat(found).numpy(), np.arange(len(p))
    exact = exact_pairs(p, np.repeat(own, kept), q, names.ravel()).reshape(len(p), kept)
    order = np.argsort(exact, axis=1, kind="stable")
    last = names[own, order[:, -1]], exact[own, order[:, -1]]
    order = order[:, :k]
    squared, chosen = np.take_along_axis(exact, order, 1), np.take_along_axis(names, order, 1)
    # Where float32 can't tell the candidates from the rest, all distances are taken in float64.
    for i in unsure_rows(p, q, squared[:, -1], *last) if kept < len(q) else ():
        every = exact_pairs(p, np.full(len(q), i), q, np.arange(len(q)))
        chosen[i] = np.argsort(every, kind="stable")[:k]
        squared[i] = every[chosen[i]]
    return np.sqrt(squared) * p.scale, chosen


Near = tuple[Array, Index]
"""What `nearest` gave for one set against the training samples: searched once, used by all."""


def authenticity(fake: Array, train: Array, near: Near | None = None) -> Estimate:
    """Share of generated samples (m, d) that are no copies of training samples (n, d).

    `near` is nearest(fake, train), if it is known already.

    Raises: ValueError for fewer than two training samples, NaN, or unequal dimensions.
    """
    train, fake = check_features(train, fake, least=2)
    distance, name = (found[:, 0] for found in near or nearest(fake, train))
    sources, back = np.unique(name, return_inverse=True)
    spacing = nearest(train[sources], train, k=2)[0][:, 1]
    return share_of(distance > spacing[back], of="fake")


def near_copies(near_fake: Near, near_held: Near, level: float = NEAR) -> Estimate:
    """Share of generated samples nearer to training ones than `level` of held-out ones are.

    Both are given by what `nearest` finds for them in the training set. The threshold is the
    held-out distances' quantile of Weibull's plotting positions: new samples have a share of
    `level` on average, however few held-out ones there are. Halves move the threshold, too.

    Raises: ValueError for too few held-out samples to have such a quantile in each half, and when
    as many of them coincide with training samples: nothing is nearer than that.
    """
    (fake, _), (held, _) = near_fake, near_held
    fake, held = fake[:, 0], held[:, 0]
    least = int(np.ceil(2 / level))
    if len(held) < least or len(fake) < 2:
        raise ValueError(
            f"Near copies need {least} held-out samples and 2 generated ones or more, there are "
            f"{len(held)} and {len(fake)}."
        )
    limit = _limit(held, level)
    if limit == 0:
        raise ValueError(
            f"{(held == 0).mean():.1%} of the held-out samples coincide with training samples: no "
            "distance tells copies from new samples."
        )
    in_fake, in_held = halves.cuts(len(fake), 1), halves.cuts(len(held), 0)
    parts = np.array(
        [
            [(fake[a] < _limit(held[b], level)).mean(), (fake[~a] < _limit(held[~b], level)).mean()]
            for a, b in zip(in_fake, in_held, strict=True)
        ]
    )
    return replace(share_of(fake < limit, of="fake"), halves=halves.differences(parts.T))


def _limit(held: Array, level: float) -> float:
    return float(np.quantile(held, level, method="weibull"))


def data_copying(
    fake: Array,
    held_out: Array,
    train: Array,
    near: tuple[Near, Near] | None = None,
    cells: int = CELLS,
    seed: int = 0,
) -> Estimate:
    """C_T: mean z value over the cells; 0 on average when nothing is copied.

    Its standard deviation is then 1 / sqrt(cells) for cells of equal weight, not 1. `near` is what
    `nearest` found for the generated and for the held-out samples, if it is known already.

    Raises: ValueError when no cell holds enough samples, for fewer training samples than cells, for
    NaN, or unequal dimensions.
    """
    from sklearn.cluster import KMeans

    train, fake = check_features(train, fake, least=1)
    train, held_out = check_features(train, held_out, least=1)
    if len(train) < cells:
        raise ValueError(f"{len(train)} training samples don't make {cells} cells.")
    model = KMeans(cells, n_init=3, random_state=seed).fit(train.astype(np.float64))
    at_fake, at_held = (model.predict(x.astype(np.float64)) for x in (fake, held_out))
    both = near or (nearest(fake, train), nearest(held_out, train))
    near_fake, near_held = both[0][0][:, 0], both[1][0][:, 0]
    total, weight = 0.0, 0
    moves_fake, moves_held = np.zeros(len(fake)), np.zeros(len(held_out))
    for cell in range(cells):
        ours, theirs = np.flatnonzero(at_fake == cell), np.flatnonzero(at_held == cell)
        if min(len(ours), len(theirs)) < FEW:
            continue
        z, slope, above, below = _mann_whitney(near_fake[ours], near_held[theirs])
        total, weight = total + len(theirs) * z, weight + len(theirs)
        moves_fake[ours] += len(theirs) * slope * (above - above.mean()) * len(fake) / len(ours)
        moves_held[theirs] += slope * (below - below.mean()) * len(held_out)
    if not weight:
        raise ValueError(f"No cell of the training set holds {FEW} samples of both other sets.")
    return Estimate(total / weight, moves_held / weight, moves_fake / weight)


def _mann_whitney(a: Array, b: Array) -> tuple[float, float, Array, Array]:
    """z of P(a > b), dz/dP, and each value's share of others that it beats (a) or loses to (b)."""
    n, m = len(a), len(b)
    sorted_a, sorted_b = np.sort(a), np.sort(b)
    above = (np.searchsorted(sorted_b, a, "left") + np.searchsorted(sorted_b, a, "right")) / (2 * m)
    below = 1 - (np.searchsorted(sorted_a, b, "left") + np.searchsorted(sorted_a, b, "right")) / (
        2 * n
    )
    slope = n * m / np.sqrt(n * m * (n + m + 1) / 12)
    return float(slope * (above.mean() - 0.5)), float(slope), above, below


def repeated(hashes: list[bytes]) -> Estimate:
    """Share of generated images with an identical twin in their own set, from one hash each."""
    counts: dict[bytes, int] = {}
    for value in hashes:
        counts[value] = counts.get(value, 0) + 1
    return _share([counts[value] > 1 for value in hashes])


def copied(hashes: list[bytes], train: list[bytes]) -> Estimate:
    """Share of generated images identical to a training image, from one hash each."""
    known = set(train)
    return _share([value in known for value in hashes])


def _share(found: list[bool]) -> Estimate:
    """The share of true values among the generated samples.

    Raises: ValueError when there is none.
    """
    if not found:
        raise ValueError("There are no generated samples.")
    return share_of(np.array(found), of="fake")
