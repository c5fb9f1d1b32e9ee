r"""Precision-recall curve of two distributions.

Sajjadi et al. 2018, arXiv:1806.00035, section 3. Both sets are clustered together;
with \(p\) the shares of real samples per cluster and \(q\) those of generated ones,

$$
\alpha(\lambda) = \sum_k \min(\lambda p_k, q_k), \qquad \beta(\lambda) = \alpha(\lambda) / \lambda
$$

are precision and recall at the slope \(\lambda\). The curve is summed up by its best
\(F_8\) (recall counts most: variety) and \(F_{1/8}\) (precision counts most: coherence).

It sees which regions are over- and underpopulated, at the resolution of its clusters and no finer:
inside a cluster everything counts as equal, so blurred or copied samples that fall into the right
cluster are not noticed. Sampling noise in p and q lowers it a little, even for equal distributions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imggen.metrics.arrays import Array, Numbers, check_features
from imggen.metrics.certainty import halves
from imggen.metrics.certainty.estimate import Estimate

CLUSTERS, RUNS, ANGLES = 20, 10, 1001
LARGE_BETA = 8.0


@dataclass(frozen=True)
class PRD:
    """The curve, averaged over the runs, and its two summaries."""

    precision: Array
    """(1001,) by falling slope of the line through the origin."""
    recall: Array
    """(1001,)"""
    f8: Estimate
    f1_8: Estimate


def slopes(angles: int = ANGLES) -> Array:
    """The lines' slopes: evenly spaced angles inside the quarter circle."""
    return np.tan(np.linspace(1e-6, np.pi / 2 - 1e-6, angles))


def curve(p: Array, q: Array, angles: int = ANGLES) -> tuple[Array, Array]:
    """Precision and recall (angles,) of histograms p (real) and q (generated), each (k,)."""
    line = slopes(angles)[:, None]
    precision = np.minimum(line * p, q).sum(axis=1)
    return precision.clip(0, 1), (precision / line[:, 0]).clip(0, 1)


def assign(real: Array, fake: Array, clusters: int, seed: int) -> tuple[Array, Array]:
    """Clusters (n,) and (m,) of both sets by mini-batch k-means on their union."""
    from sklearn.cluster import MiniBatchKMeans

    both = np.concatenate([real, fake])
    model = MiniBatchKMeans(min(clusters, len(both)), n_init=10, random_state=seed)
    labels = model.fit_predict(both.astype(np.float32))
    return labels[: len(real)], labels[len(real) :]


def prd(real: Array, fake: Array, clusters: int = CLUSTERS, runs: int = RUNS, seed: int = 0) -> PRD:
    """Precision-recall curve of features (n, d) and (m, d), a mean over seeded clusterings.

    The summaries are means of each run's best F, at the slope where that run has it; their half
    differences take the clusters as they are. Of unequal sets the larger one decides the clusters.

    Raises: ValueError for fewer samples than clusters, NaN, or unequal dimensions.
    """
    real, fake = check_features(real, fake, least=clusters)
    in_real, in_fake = halves.cuts(len(real), 0), halves.cuts(len(fake), 1)
    curves, values, parts = [], [], []
    for run in range(runs):
        of_real, of_fake = assign(real, fake, clusters, seed + run)
        p, q = np.bincount(of_real, minlength=clusters), np.bincount(of_fake, minlength=clusters)
        curves.append(curve(p / len(real), q / len(fake)))
        values.append([best_f(p, q, beta) for beta in (LARGE_BETA, 1 / LARGE_BETA)])
        p_halves, q_halves = counts(of_real, in_real, clusters), counts(of_fake, in_fake, clusters)
        parts.append([best_f(p_halves, q_halves, beta) for beta in (LARGE_BETA, 1 / LARGE_BETA)])
    precision, recall = np.mean(curves, axis=0)
    f8, f1_8 = (
        Estimate(float(value), halves=halves.differences(part), bounds=(0, 1))
        for value, part in zip(np.mean(values, axis=0), np.mean(parts, axis=0), strict=True)
    )
    return PRD(precision, recall, f8, f1_8)


def counts(labels: Array, members: halves.Bools, clusters: int) -> Array:
    """Samples per cluster in halves A and B: (2, CUTS, clusters) from labels (n,)."""
    every = np.eye(clusters)[labels]
    first = members @ every
    return np.stack([first, every.sum(axis=0) - first])


def best_f(p: Numbers, q: Numbers, beta: float) -> Array:
    """Largest F of all slopes (...,) from counts (..., k) of real and generated samples.

    It is at a slope where a cluster changes sides, q_k = slope p_k. Recall is alpha / slope, so
    F = (1 + b^2) alpha / (b^2 slope + 1).
    """
    p, q = (x / x.sum(axis=-1, keepdims=True) for x in (p, q))
    both = (p > 0) & (q > 0)
    slope = np.where(both, q / np.where(both, p, 1), 0)
    alpha = np.minimum(slope[..., :, None] * p[..., None, :], q[..., None, :]).sum(axis=-1)
    return ((1 + beta**2) * alpha / (beta**2 * slope + 1)).max(axis=-1)
