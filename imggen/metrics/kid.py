r"""Kernel distance (KID with Inception features): squared MMD with a cubic kernel.

Binkowski et al. 2018, arXiv:1801.01401, section 4:

$$
k(x, y) = \Big(\tfrac{1}{d} x^\top y + 1\Big)^3, \qquad
\mathrm{MMD}^2 = \mathbb{E}\, k(x, x') + \mathbb{E}\, k(y, y') - 2\, \mathbb{E}\, k(x, y)
$$

Unbiased: its mean does not depend on n, and it may be negative when the two sets are alike. Like
the Fréchet distance it sees coherence and variety at once, through three moments.
"""

from __future__ import annotations

import numpy as np

from imggen.metrics.arrays import Array, check_features, double_blocks
from imggen.metrics.certainty.estimate import Estimate

BLOCK = 2000
PART = 50


def kernel(x: Array, y: Array) -> Array:
    """Cubic kernel of rows (n, d) and (m, d) -> (n, m)."""
    return _cubed(x @ y.T, x.shape[1])


def _cubed(gram: Array, dim: int) -> Array:
    inner = gram * (1 / dim)
    inner += 1
    cube = inner * inner
    cube *= inner
    return cube


def kernel_sums(real: Array, fake: Array) -> tuple[Array, Array, Array, Array]:
    """Row sums of the three kernel matrices, by square blocks, in float64.

    Returns: sums over other reals per real (n,), over fakes per real (n,), over other fakes per
    fake (m,), over reals per fake (m,). The diagonals are left out.
    """
    cross_real, cross_fake = np.zeros(len(real)), np.zeros(len(fake))
    for rows, x in double_blocks(real, BLOCK):
        for columns, y in double_blocks(fake, BLOCK):
            block = kernel(x, y)
            cross_real[rows] += block.sum(axis=1)
            cross_fake[columns] += block.sum(axis=0)
    return _own_sums(real), cross_real, _own_sums(fake), cross_fake


def _own_sums(features: Array) -> Array:
    sums = np.zeros(len(features))
    for rows, x in double_blocks(features, BLOCK):
        block = kernel(x, x)
        sums[rows] += block.sum(axis=1) - np.diagonal(block)
        # The matrix is symmetric: blocks right of the diagonal serve both their row and column.
        for columns, y in double_blocks(features[rows.stop :], BLOCK):
            block = kernel(x, y)
            sums[rows] += block.sum(axis=1)
            sums[rows.stop :][columns] += block.sum(axis=0)
    return sums


def kid(real: Array, fake: Array) -> float:
    """Unbiased squared MMD over all pairs of features (n, d) and (m, d). May be negative.

    Raises: ValueError for fewer than two samples, NaN, or unequal dimensions.
    """
    return estimate(real, fake).value


def estimate(real: Array, fake: Array) -> Estimate:
    """`kid` with each sample's influence.

    The influence is the Hájek projection of the two-sample U-statistic, 2 (h(x) - mean h) with
    h(x) = mean_x' k(x, x') - mean_y k(x, y) (arXiv:1801.01401, appendix A).
    """
    real, fake = check_features(real, fake, least=2)
    n, m = len(real), len(fake)
    own_real, cross_real, own_fake, cross_fake = kernel_sums(real, fake)
    value = own_real.sum() / (n * (n - 1)) + own_fake.sum() / (m * (m - 1))
    value -= 2 * cross_real.sum() / (n * m)
    h_real = own_real / (n - 1) - cross_real / m
    h_fake = own_fake / (m - 1) - cross_fake / n
    return Estimate(float(value), 2 * (h_real - h_real.mean()), 2 * (h_fake - h_fake.mean()))


def kid_subsets(
    real: Array, fake: Array, subsets: int = 100, size: int = 1000, seed: int = 2020
) -> tuple[float, float]:
    """Mean and standard deviation over random subsets, as in the authors' code and torch-fidelity.

    The deviation is that of one subset, not the uncertainty of the mean. Prefer `kid`. Kernels of
    float32 features are computed in float32 and added up in float64.

    Raises: ValueError when a set is smaller than `size`.
    """
    real, fake = check_features(real, fake, least=size)
    generator = np.random.RandomState(seed)
    x, y = (np.empty((size, f.shape[1]), f.dtype) for f in (real, fake))
    values = []
    for _ in range(subsets):
        # torch-fidelity draws the generated subset first: its input 1 is the generated one.
        for features, drawn in ((fake, y), (real, x)):
            index = generator.choice(len(features), size, replace=False)
            np.take(features, index, axis=0, out=drawn, mode="clip")
        own = _kernel_sum(x, x) + _kernel_sum(y, y)
        values.append(own / (size * (size - 1)) - 2 * _kernel_sum(x, y) / size**2)
    return float(np.mean(values)), float(np.std(values))


def _kernel_sum(x: Array, y: Array) -> float:
    """Sum of the kernel over all pairs, without those of a row with itself where y is x.

    numpy takes half the time for x @ x.T; the kernel of a few rows stays in the processor's cache.
    """
    gram = x @ y.T
    total = sum(
        float(_cubed(gram[i : i + PART], x.shape[1]).sum(dtype=np.float64))
        for i in range(0, len(gram), PART)
    )
    own = _cubed(np.diagonal(gram), x.shape[1]).sum(dtype=np.float64) if x is y else 0.0
    return total - float(own)
