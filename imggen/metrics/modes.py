r"""Mode counts: how many of the known kinds of sample does a generator make, and how evenly?

Where the modes are known, counting needs no features. Stacked MNIST (three digits as the channels
of one image: 1,000 modes) and Gaussians on a ring or a grid are the usual cases: Srivastava et al.
2017 (VEEGAN), arXiv:1705.07761, section 4; Lin et al. 2018 (PacGAN), arXiv:1712.04086, section 4.
The divergence is that of the generated modes from the real ones,

$$
D_\text{KL}(q \,\|\, p) = \sum_k q_k \log \frac{q_k}{p_k}
$$

in nats, 0 when all modes come as often as they should. It sees which modes come how often, not
whether a sample is a good one of its mode. A finite sample has, on average, about
(modes - 1) / (2 n) nats even from a perfect generator.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from imggen.metrics.arrays import Array
from imggen.metrics.certainty import halves
from imggen.metrics.certainty.estimate import Estimate, mean_of, share_of

STACKED_MODES = 1000


@dataclass(frozen=True)
class Modes:
    """Counted modes of n generated samples."""

    found: int
    """Modes with one sample or more."""
    of: int
    divergence: Estimate
    """D_KL(generated || real) over modes, in nats."""


def label_modes(labels: Array, n_modes: int, reference: Array | None = None) -> Modes:
    """Modes of labels (n,) in 0..n_modes-1 against `reference` shares (n_modes,), else evenness.

    The reference is taken as known; `against_labels` also counts with its sampling.

    Raises: ValueError without samples, for a label outside, or one that never occurs in reality.
    """
    counts = _counts(labels, n_modes)
    shares = np.full(n_modes, 1 / n_modes) if reference is None else np.asarray(reference, float)
    if (shares[counts > 0] <= 0).any():
        raise ValueError(
            "A mode has generated samples and no real ones: the divergence is infinite."
        )
    q = counts / len(labels)
    ratio = np.log(np.where(q > 0, q, 1) / np.where(q > 0, shares / shares.sum(), 1))
    divergence = replace(mean_of(ratio[labels], of="fake"), bounds=(0, math.inf))
    return Modes(int((counts > 0).sum()), n_modes, divergence)


def against_labels(labels: Array, real: Array, n_modes: int, smoothing: float = 0.5) -> Estimate:
    """Divergence of labels (n,) from real labels (m,), in nats, both of them samples.

    `smoothing` is added to each real count: a mode that this real sample lacks is not impossible.
    A real sample of mode k moves the divergence by -q_k / p_k.

    Raises: ValueError as `label_modes` does.
    """
    shares = (_counts(real, n_modes) + smoothing) / (len(real) + smoothing * n_modes)
    q = _counts(labels, n_modes) / len(labels)
    pull = -(q / shares)[real]
    return replace(label_modes(labels, n_modes, shares).divergence, real=pull - pull.mean())


def _counts(labels: Array, n_modes: int) -> npt.NDArray[np.integer]:
    labels = np.asarray(labels)
    if labels.ndim != 1 or not len(labels):
        raise ValueError(f"Counting modes needs labels (n,), not an array {labels.shape}.")
    if labels.min() < 0 or labels.max() >= n_modes:
        raise ValueError(
            f"The labels go from {labels.min()} to {labels.max()}, not below {n_modes}."
        )
    return np.bincount(labels, minlength=n_modes)


def count_modes(labels: Array, n_modes: int) -> Estimate:
    """How many of the modes labels (n,) in 0..n_modes-1 name, at this n.

    Its deviation is that of bootstrapped labels about their own mean, which is lower: drawing again
    loses rare modes and finds none, so it is about twice what it should be where few modes are
    missed. It does not know of modes that this sample missed by chance.

    Raises: ValueError as `label_modes` does.
    """
    counts = _counts(labels, n_modes)
    found = int((counts > 0).sum())
    generator = np.random.default_rng(counts)  # two generators of images draw independently
    again = generator.multinomial(len(labels), counts / len(labels), size=halves.CUTS)
    drawn = (again > 0).sum(axis=1)
    return Estimate(float(found), halves=drawn - drawn.mean(), bounds=(0, n_modes))


def stacked_divergence(digits: Array, real: Array, smoothing: float = 0.5) -> Estimate:
    """Divergence of stacked digits (n, 3) from real ones (m, 3), whose channels are independent.

    A mode's real share is the product of its digits' shares over all channels, so a real digit d
    moves the divergence by minus the generated share of d over its real share.

    Raises: ValueError for other shapes.
    """
    labels = stacked_labels(digits)
    shares = (np.bincount(np.ravel(real), minlength=10) + smoothing) / (
        np.size(real) + 10 * smoothing
    )
    reference = (shares[:, None, None] * shares[None, :, None] * shares[None, None, :]).ravel()
    found = label_modes(labels, STACKED_MODES, reference).divergence
    ours = np.bincount(np.ravel(digits), minlength=10) / np.size(digits)
    pull = -(ours / shares)[np.asarray(real)].sum(axis=1)
    return replace(found, real=pull - pull.mean())


def stacked_labels(digits: Array) -> Array:
    """Modes 0..999 (n,) of stacked digits (n, 3), each 0..9: the number that they spell."""
    digits = np.asarray(digits)
    if digits.ndim != 2 or digits.shape[1] != 3:
        raise ValueError(f"Stacked digits have shape (n, 3), not {digits.shape}.")
    return digits @ np.array([100, 10, 1])


def ring(n: int, generator: np.random.Generator) -> tuple[Array, Array]:
    """Points (n, 2) of eight Gaussians on a circle of radius 1, sigma 0.01, and centres (8, 2)."""
    angles = 2 * np.pi * np.arange(8) / 8
    return _draw(n, np.stack([np.cos(angles), np.sin(angles)], axis=1), 0.01, generator)


def grid(n: int, generator: np.random.Generator) -> tuple[Array, Array]:
    """Points (n, 2) of 25 Gaussians two apart on a square grid, sigma 0.05, and centres (25, 2)."""
    axis = 2.0 * np.arange(5) - 4
    return _draw(n, np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2), 0.05, generator)


def _draw(
    n: int, centres: Array, sigma: float, generator: np.random.Generator
) -> tuple[Array, Array]:
    chosen = generator.integers(0, len(centres), n)
    return centres[chosen] + sigma * generator.normal(size=(n, 2)), centres


def point_modes(
    points: Array, centres: Array, sigma: float, within: float = 3.0
) -> tuple[Modes, Estimate]:
    """Modes of points (n, d), and the share of high-quality ones.

    A point is of high quality when it lies within `within` standard deviations of a centre (k, d);
    only such points count for their nearest mode (arXiv:1705.07761, section 4.1).

    Raises: ValueError when no point is of high quality.
    """
    points, centres = np.asarray(points, float), np.asarray(centres, float)
    squared = np.square(points[:, None] - centres).sum(axis=2)
    good = squared.min(axis=1) <= (within * sigma) ** 2
    if not good.any():
        raise ValueError(f"No point lies within {within} standard deviations of a mode.")
    return label_modes(squared.argmin(axis=1)[good], len(centres)), share_of(good, of="fake")
