r"""Fréchet distance between Gaussians fitted to two sets of features.

Heusel et al. 2017, arXiv:1706.08500v6, Eq. 6 (with Inception features it is the FID):

$$
d^2 = \|\mu_r - \mu_g\|^2
      + \operatorname{tr}\big(\Sigma_r + \Sigma_g - 2 (\Sigma_r \Sigma_g)^{1/2}\big)
$$

It sees coherence and variety at once, and only the first two moments of them. It is biased: with n
samples it is too large by about a constant over n (Chong and Forsyth 2020, arXiv:1911.07023), so
two values compare only at equal n. `frechet_infinity` extrapolates that bias away: it compares
across n, and may fall below zero for equal sets.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.linalg import lapack

from imggen.metrics.arrays import Array, check_features, double_blocks
from imggen.metrics.certainty.estimate import Estimate

PARTS = (1, 2, 3, 4)
"""Into how many parts `frechet_infinity` cuts the samples, for its values at smaller n."""


class Gaussian(NamedTuple):
    """Mean (d,) and unbiased covariance (d, d), both float64, of n samples."""

    mean: Array
    covariance: Array


def fit(features: Array) -> Gaussian:
    """Moments of features (n, d) in float64, by blocks: no copy of all features is made."""
    n, dim = features.shape
    mean = sum((block.sum(axis=0) for _, block in double_blocks(features)), np.zeros(dim)) / n
    covariance = np.zeros((dim, dim))
    for _, block in double_blocks(features):
        block -= mean
        covariance += block.T @ block
    return Gaussian(mean, covariance / (n - 1))


def root(covariance: Array) -> Array:
    """A (d, r) with A A^T = the covariance (d, d) of rank r, by pivoted Cholesky decomposition.

    Directions without variance (singular covariances: n <= d, constant features) are left out.
    """
    lower, pivots, rank, _ = lapack.dpstrf(covariance, lower=1)
    factor = np.empty((len(covariance), rank))
    factor[pivots - 1] = np.tril(lower)[:, :rank]
    return factor


def between(real: Gaussian, fake: Gaussian) -> float:
    """Squared Fréchet distance of two Gaussians.

    With S = A A^T for each covariance, tr (S_r S_g)^(1/2) is the sum of the singular values of
    A_r^T A_g: no matrix square root, no imaginary part, and singular covariances do no harm.
    """
    cross = root(real.covariance).T @ root(fake.covariance)
    gram = cross @ cross.T if cross.shape[0] <= cross.shape[1] else cross.T @ cross
    singular = np.sqrt(np.linalg.eigvalsh(gram).clip(min=0)) if gram.size else np.zeros(1)
    shift = real.mean - fake.mean
    spread = np.trace(real.covariance) + np.trace(fake.covariance) - 2 * singular.sum()
    return float(shift @ shift + spread)


def frechet_distance(real: Array, fake: Array) -> float:
    """Squared Fréchet distance of features (n, d) and (m, d).

    Raises: ValueError for fewer than two samples, NaN, or unequal dimensions.
    """
    real, fake = check_features(real, fake, least=2)
    return between(fit(real), fit(fake))


def estimate(real: Array, fake: Array) -> Estimate:
    """`frechet_distance` with each sample's influence."""
    real, fake = check_features(real, fake, least=2)
    p, q = fit(real), fit(fake)
    return Estimate(between(p, q), *influences(real, fake, p, q))


def frechet_infinity(real: Array, fake: Array, seed: int = 0) -> float:
    """The distance that infinitely many samples would have, extrapolated linearly in 1/n.

    Chong and Forsyth 2020, arXiv:1911.07023, section 4, except that both sets shrink (they keep
    the real one whole) and that the smaller sets are the parts of shuffled sets, so that each
    sample counts equally at each n. To first order its influences are then those of the distance
    at full n.

    Raises: ValueError when half of a set is not larger than the dimension d: the bias is not yet
    a constant over n there.
    """
    real, fake = check_features(real, fake, least=4)
    dim = real.shape[1]
    parts = [k for k in PARTS if min(len(real), len(fake)) // k > dim]
    if len(parts) < 2:
        raise ValueError(
            f"Extrapolating the Fréchet distance needs more than {2 * dim} samples of each set, "
            f"twice the {dim} feature dimensions: take more images."
        )
    generator = np.random.default_rng(seed)
    real, fake = generator.permutation(real), generator.permutation(fake)
    values = [np.mean([between(fit(real[i::k]), fit(fake[i::k])) for i in range(k)]) for k in parts]
    # 1/n grows as the number of parts: the value at 0 parts is the one without bias.
    return float(np.polyfit(parts, values, deg=1)[1])


def influences(real: Array, fake: Array, p: Gaussian, q: Gaussian) -> tuple[Array, Array]:
    """How much each sample moves the distance between the fits p and q: (n,), (m,), mean about 0.

    The derivative of the squared distance is I - T with respect to the covariance and
    2 (mu_r - mu_g) with respect to the mean, T being the linear optimal transport map
    S_r^(-1/2) (S_r^(1/2) S_g S_r^(1/2))^(1/2) S_r^(-1/2) (Dowson and Landau 1982; Rippl, Munk and
    Sturm 2016, arXiv:1507.04090, Theorem 2.2).
    """
    return _one_side(real, p, q), _one_side(fake, q, p)


def _one_side(features: Array, own: Gaussian, other: Gaussian) -> Array:
    eigenvalues, vectors = np.linalg.eigh(own.covariance)
    smallest = eigenvalues.max(initial=0) * len(eigenvalues) * np.finfo(np.float64).eps
    kept = eigenvalues > smallest
    roots, vectors = np.sqrt(eigenvalues[kept]), vectors[:, kept]
    # T in the basis of own's eigenvectors: L^(-1/2) (L^(1/2) V^T S V L^(1/2))^(1/2) L^(-1/2).
    middle = (vectors * roots).T @ other.covariance @ (vectors * roots)
    values, turned = np.linalg.eigh(middle)
    half = vectors / roots @ turned
    transport = (half * np.sqrt(values.clip(min=0))) @ half.T
    derivative = np.eye(len(own.mean)) - transport
    slope = 2 * (own.mean - other.mean)
    moves = np.empty(len(features))
    for rows, block in double_blocks(features):
        block -= own.mean
        moves[rows] = np.einsum("ni,ni->n", block @ derivative, block) + block @ slope
    return moves - moves.mean()
