r"""Pairwise diversity: how far apart are two samples, relative to two real ones?

The mean squared Euclidean distance between two different samples of a set, generated over real:

$$
\frac{\mathbb{E}\,\|y - y'\|^2}{\mathbb{E}\,\|x - x'\|^2} =
\frac{\operatorname{tr} \Sigma_g}{\operatorname{tr} \Sigma_r}
$$

1 is as varied as real images, less is less. It sees variety only; noise raises it, and a set of
two far-apart clusters has as much of it as one wide cloud. Up to the ratio it has no bias.

It stands where the literature has the mean MS-SSIM of random pairs (Odena et al. 2017,
arXiv:1610.09585, section 4.3), which needs images of 161 pixels or more for its five scales, sees
contrast and position rather than content, and is no distance.
"""

from __future__ import annotations

import numpy as np

from imggen.metrics.arrays import Array, check_features, double_blocks
from imggen.metrics.certainty.estimate import Estimate


def mean_squared_distance(features: Array) -> tuple[float, Array]:
    """Over all pairs of different samples (n, d), and each sample's influence (n,); in O(n d)."""
    n = len(features)
    mean, squares = features.mean(axis=0, dtype=np.float64), np.empty(n)
    for rows, block in double_blocks(features):
        block -= mean
        squares[rows] = np.einsum("nd,nd->n", block, block)
    return float(2 * squares.sum() / (n - 1)), 2 * (squares - squares.mean())


def pairwise_diversity(real: Array, fake: Array) -> Estimate:
    """Mean squared distance of generated pairs (m, d) over that of real ones (n, d).

    Raises: ValueError when all real samples are equal, for fewer than two samples, NaN, or unequal
    dimensions.
    """
    real, fake = check_features(real, fake, least=2)
    (own, moves), (other, other_moves) = mean_squared_distance(real), mean_squared_distance(fake)
    if own == 0:
        raise ValueError("All real samples have the same features: nothing to compare with.")
    ratio = other / own
    return Estimate(ratio, -ratio * moves / own, other_moves / own)
