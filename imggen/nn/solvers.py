r"""From noise to an image, step by step: the samplers that papers share.

**Time in this house** runs from 0, the image, to 1, the noise. On the way an image \(x\) and normal
noise \(\epsilon\) are mixed:

$$ z_t = \alpha_t\, x + \sigma_t\, \epsilon $$

Straight paths have \(\alpha_t = 1 - t\), \(\sigma_t = t\) and the velocity \(v = \epsilon - x\);
diffusion that preserves the variance has \(\alpha_t^2 + \sigma_t^2 = 1\); EDM has \(\alpha = 1\)
and counts its time in \(\sigma\) itself. Sampling walks from noise to image, so times fall.

Two of the solvers follow a velocity \(dz/dt\), the others a denoiser \(\hat x(z, t)\), the mean of
the images that may lie behind \(z\). Each says its order: by which power of the step's size its
error falls.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

Field = Callable[[Tensor, float], Tensor]
"""Mixtures z (N, ...) at one time -> velocities, or denoised images, of the same shape."""


class Level(NamedTuple):
    """One stop on the way from noise to image."""

    t: float
    """What the network is told."""
    alpha: float
    """Weight of the image."""
    sigma: float
    """Weight of the noise."""


def uniform_times(steps: int) -> list[float]:
    """From 1 to 0 in steps of one size, both ends included.

    Raises: ValueError below one step.
    """
    if steps < 1:
        raise ValueError(f"a sampler of {steps} steps draws nothing")
    return [1 - i / steps for i in range(steps + 1)]


def euler(velocity: Field, z: Tensor, times: Sequence[float]) -> Tensor:
    """z_s = z_t + (s - t) v(z_t, t). Order 1; one pass a step."""
    for t, s in pairwise(times):
        z = z + (s - t) * velocity(z, t)
    return z


def heun(velocity: Field, z: Tensor, times: Sequence[float]) -> Tensor:
    """Euler's step, then again with the mean of the slopes at both its ends. Order 2; two passes.

    A step that ends at time 0 is Euler's: there slopes need not exist (Karras et al. 2022,
    arXiv:2206.00364, Algorithm 1).
    """
    for t, s in pairwise(times):
        slope = velocity(z, t)
        ahead = z + (s - t) * slope
        z = ahead if s == 0 else z + (s - t) * (slope + velocity(ahead, s)) / 2
    return z


def ddim(denoise: Field, z: Tensor, levels: Sequence[Level], eta: float = 0.0) -> Tensor:
    """The noise that was found is kept, up to a part of it that is drawn anew. Order 1.

    With `eta` 0 nothing is drawn; with 1 as much as in DDPM (Song et al. 2021, arXiv:2010.02502,
    Eq. 12 and 16, here for any alpha and sigma).
    """
    for here, there in pairwise(levels):
        x = denoise(z, here.t)
        epsilon = (z - here.alpha * x) / here.sigma
        fresh = eta * math.sqrt(_forgotten(here, there)) * there.sigma / here.sigma
        kept = math.sqrt(max(0.0, there.sigma**2 - fresh**2))
        z = there.alpha * x + kept * epsilon
        if fresh > 0:
            z = z + fresh * torch.randn_like(z)
    return z


def ancestral(denoise: Field, z: Tensor, levels: Sequence[Level], wide: bool = False) -> Tensor:
    """One draw after another from q(z_s | z_t, x) with the denoised image for x. Order 1.

    Ho et al. 2020 (arXiv:2006.11239), Algorithm 2 with the mean of Eq. 7; `wide` takes the variance
    of q(z_t | z_s) in place of that of q(z_s | z_t, x) (section 3.2 compares the two).
    """
    for here, there in pairwise(levels):
        x = denoise(z, here.t)
        forgotten = _forgotten(here, there)
        z = (
            here.alpha / there.alpha * there.sigma**2 * z + there.alpha * forgotten * x
        ) / here.sigma**2
        if there.sigma > 0:
            deviation = math.sqrt(forgotten) * (1.0 if wide else there.sigma / here.sigma)
            z = z + deviation * torch.randn_like(z)
    return z


def dpm_solver_2m(denoise: Field, z: Tensor, levels: Sequence[Level]) -> Tensor:
    """DPM-Solver++ (2M): the denoised image is continued on a line in log(alpha / sigma). Order 2.

    One pass a step, since the line goes through the step before (Lu et al. 2022, arXiv:2211.01095,
    Algorithm 2). The first step, and one that ends without noise, are of order 1; so is the second,
    if the first began without image.
    """
    before: tuple[Tensor, float] | None = None
    for here, there in pairwise(levels):
        x = denoise(z, here.t)
        h = _log_ratio(there) - _log_ratio(here)
        ahead = x
        if before is not None and math.isfinite(h):
            x_before, h_before = before
            ahead = x + (x - x_before) * h / (2 * h_before)
        z = there.sigma / here.sigma * z - there.alpha * math.expm1(-h) * ahead
        before = x, h
    return z


def _forgotten(here: Level, there: Level) -> float:
    """Variance of q(z_t | z_s): the noise that lies between two levels."""
    return max(0.0, here.sigma**2 - (here.alpha / there.alpha * there.sigma) ** 2)


def _log_ratio(level: Level) -> float:
    """log(alpha / sigma), infinite without noise or without image."""
    if level.sigma == 0:
        return math.inf
    return math.log(level.alpha / level.sigma) if level.alpha > 0 else -math.inf
