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

from imggen.metrics.arrays import Array, check_features
from imggen.metrics.bootstrap import Estimate

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

    The summaries carry each sample's influence with the clusters taken as they are.

    Raises: ValueError for fewer samples than clusters, NaN, or unequal dimensions.
    """
    real, fake = check_features(real, fake, least=clusters)
    curves, high, low = [], [], []
    for run in range(runs):
        in_real, in_fake = assign(real, fake, clusters, seed + run)
        p = np.bincount(in_real, minlength=clusters) / len(real)
        q = np.bincount(in_fake, minlength=clusters) / len(fake)
        curves.append(curve(p, q))
        high.append(_best_f(p, q, in_real, in_fake, LARGE_BETA))
        low.append(_best_f(p, q, in_real, in_fake, 1 / LARGE_BETA))
    precision, recall = np.mean(curves, axis=0)
    return PRD(precision, recall, _mean(high), _mean(low))


def _best_f(p: Array, q: Array, in_real: Array, in_fake: Array, beta: float) -> Estimate:
    """Largest F of all slopes, which is at one where a cluster changes sides: q_k = slope p_k.

    There, F = (1 + b^2) alpha / (b^2 slope + 1), since recall is alpha / slope. In alpha's
    derivative that cluster counts for p and for q with the weights that make the slope optimal.
    """
    both = np.flatnonzero((p > 0) & (q > 0))
    if not len(both):
        return Estimate(0.0, np.zeros(len(in_real)), np.zeros(len(in_fake)))
    lines = q[both] / p[both]
    alphas = np.minimum(lines[:, None] * p, q).sum(axis=1)
    scores = (1 + beta**2) * alphas / (beta**2 * lines + 1)
    best = int(scores.argmax())
    line, alpha, k = lines[best], alphas[best], both[best]
    weight = (line * p < q).astype(np.float64)
    weight[k] = 0.0
    wanted = beta**2 * alpha / (beta**2 * line + 1) - weight @ p
    weight[k] = np.clip(wanted / p[k], 0, 1)
    scale = (1 + beta**2) / (beta**2 * line + 1)
    real, fake = scale * line * weight[in_real], scale * (1 - weight)[in_fake]
    return Estimate(float(scores[best]), real - real.mean(), fake - fake.mean())


def _mean(runs: list[Estimate]) -> Estimate:
    real, fake = (
        np.mean([getattr(run, side) for run in runs], axis=0) for side in ("real", "fake")
    )
    return Estimate(float(np.mean([run.value for run in runs])), real, fake)
