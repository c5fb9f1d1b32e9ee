r"""Vendi score: how many different images are there, effectively?

Friedman and Dieng 2022, arXiv:2210.02410, Definition 3.1: with a similarity kernel \(K\) that is 1
on its diagonal and \(\lambda_i\) the eigenvalues of \(K / n\),

$$
\mathrm{VS} = \exp\Big(-\sum_i \lambda_i \log \lambda_i\Big)
$$

It is 1 for n equal images and n for n images that have nothing in common. Here the kernel is the
cosine of two feature vectors. It sees variety only, and no real images: noise raises it, so it must
be read beside the score of real images. It grows with n (a sample can't show more than n kinds), so
two scores compare at equal n.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from imggen.metrics.arrays import Array, check_one, double_blocks
from imggen.metrics.certainty.estimate import Estimate

NEGLIGIBLE = 1e-12
"""Eigenvalues below are rounding errors; they add less than 3e-11 each to the entropy."""


def entropy(eigenvalues: Array) -> float:
    """Shannon entropy in nats of eigenvalues that sum to 1."""
    kept = eigenvalues[eigenvalues > NEGLIGIBLE]
    return float(-(kept * np.log(kept)).sum())


def vendi_from_kernel(kernel: Array) -> float:
    """The score of a kernel matrix (n, n) with ones on its diagonal.

    Raises: ValueError when it is no such matrix.
    """
    kernel = np.asarray(kernel, dtype=np.float64)
    if kernel.ndim != 2 or kernel.shape[0] != kernel.shape[1] or not len(kernel):
        raise ValueError(f"A kernel matrix is square, this one has shape {kernel.shape}.")
    if not np.allclose(np.diagonal(kernel), 1) or not np.allclose(kernel, kernel.T):
        raise ValueError("A kernel matrix is symmetric with ones on its diagonal, this one is not.")
    return float(np.exp(entropy(np.linalg.eigvalsh(kernel / len(kernel)))))


def vendi_score(features: Array) -> Estimate:
    """The score of features (n, d) under the cosine kernel, with each sample's influence.

    The eigenvalues of K / n are those of S = X^T X / n (d, d), X having unit rows. A sample x moves
    the entropy by -x^T (log S) x - H, since the other terms of the derivative sum to zero.

    Raises: ValueError for a row of zeros, which has no direction, for NaN, or another shape.
    """
    features = check_one(features, "generated", least=1)
    n, dim = features.shape
    second = np.zeros((dim, dim))
    for _, x in _unit_rows(features):
        second += x.T @ x
    values, vectors = np.linalg.eigh(second / n)
    score, kept = float(np.exp(entropy(values))), values > NEGLIGIBLE
    surprise = np.empty(n)
    for rows, x in _unit_rows(features):
        surprise[rows] = -np.square(x @ vectors[:, kept]) @ np.log(values[kept])
    return Estimate(score, None, score * (surprise - surprise.mean()))


def _unit_rows(features: Array) -> Iterator[tuple[slice, Array]]:
    for rows, x in double_blocks(features):
        norms = np.linalg.norm(x, axis=1, keepdims=True)
        if not norms.all():
            raise ValueError(
                "A sample's features are all zero, so it has no cosine with any other."
            )
        yield rows, x / norms
