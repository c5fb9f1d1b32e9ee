r"""Fréchet distance between Gaussians fitted to two sets of features.

Heusel et al. 2017, arXiv:1706.08500v6, Eq. 6 (with Inception features it is the FID):

$$
d^2 = \|\mu_r - \mu_g\|^2
      + \operatorname{tr}\big(\Sigma_r + \Sigma_g - 2 (\Sigma_r \Sigma_g)^{1/2}\big)
$$

It sees coherence and variety at once, and only the first two moments of them. It is biased: with n
samples it is too large by about a constant over n (Chong and Forsyth 2020, arXiv:1911.07023), so
two values compare only at equal n.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from imggen.metrics.arrays import Array, check_features


class Gaussian(NamedTuple):
    """Mean (d,) and unbiased covariance (d, d), both float64, of n samples."""

    mean: Array
    covariance: Array


def fit(features: Array) -> Gaussian:
    """Moments of features (n, d) in float64."""
    features = features.astype(np.float64)
    mean = features.mean(axis=0)
    centred = features - mean
    return Gaussian(mean, centred.T @ centred / (len(features) - 1))


def factor(covariance: Array) -> tuple[Array, Array]:
    """Roots of the positive eigenvalues (r,) of a covariance (d, d), and their vectors (d, r).

    Directions without variance (singular covariances: n <= d, constant features) are left out.
    """
    values, vectors = np.linalg.eigh(covariance)
    kept = values > values.max(initial=0) * len(values) * np.finfo(np.float64).eps
    return np.sqrt(values[kept]), vectors[:, kept]


def between(real: Gaussian, fake: Gaussian) -> float:
    """Squared Fréchet distance of two Gaussians.

    With S = A A^T for each covariance, tr (S_r S_g)^(1/2) is the sum of the singular values of
    A_r^T A_g: no matrix square root, no imaginary part, and singular covariances do no harm.
    """
    (roots_r, vectors_r), (roots_g, vectors_g) = factor(real.covariance), factor(fake.covariance)
    cross = (vectors_r * roots_r).T @ (vectors_g * roots_g)
    gram = cross @ cross.T if len(roots_r) <= len(roots_g) else cross.T @ cross
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


def influences(real: Array, fake: Array) -> tuple[Array, Array]:
    """How much each sample moves the distance: (n,) and (m,), each with mean about 0.

    The derivative of the squared distance is I - T with respect to the covariance and
    2 (mu_r - mu_g) with respect to the mean, T being the linear optimal transport map
    S_r^(-1/2) (S_r^(1/2) S_g S_r^(1/2))^(1/2) S_r^(-1/2) (Dowson and Landau 1982; Rippl, Munk and
    Sturm 2016, arXiv:1507.04090, Theorem 2.2).
    """
    p, q = fit(real), fit(fake)
    return _one_side(real, p, q), _one_side(fake, q, p)


def _one_side(features: Array, own: Gaussian, other: Gaussian) -> Array:
    roots, vectors = factor(own.covariance)
    # T in the basis of own's eigenvectors: L^(-1/2) (L^(1/2) V^T S V L^(1/2))^(1/2) L^(-1/2).
    middle = (vectors * roots).T @ other.covariance @ (vectors * roots)
    values, turned = np.linalg.eigh(middle)
    half = vectors / roots @ turned
    transport = (half * np.sqrt(values.clip(min=0))) @ half.T
    derivative = np.eye(len(own.mean)) - transport
    centred = features.astype(np.float64) - own.mean
    quadratic = np.einsum("ni,ni->n", centred @ derivative, centred)
    linear = 2 * centred @ (own.mean - other.mean)
    return linear + quadratic - quadratic.mean()
