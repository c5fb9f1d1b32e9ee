"""From a generator to images: the one way to draw samples."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from imggen.data.images import to_uint8
from imggen.system.seeds import derive_seed

if TYPE_CHECKING:
    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]


SEED = 0
"""Seed of the latents in every figure: no sample is chosen by hand."""


def fixed_latents(method: Any, n: int, purpose: str) -> Tensor:
    """The same `n` latents for the same figure, always."""
    return method.latents(n, torch.Generator().manual_seed(derive_seed(purpose, SEED)))


def images_of(method: Any, z: Tensor) -> Tensor:
    """uint8 images (N, C, H, W) on the CPU from latents (N, z_dim)."""
    with torch.inference_mode():
        return to_uint8(method.sample(z.to(next(method.parameters()).device)).float()).cpu()


@torch.inference_mode()
def generate(method: Any, n: int, seed: int, block: int = 500) -> Tensor:
    """`n` images as uint8 (n, C, H, W) on the CPU, from latents seeded by `seed`."""
    generator = torch.Generator().manual_seed(derive_seed("samples", seed))
    z = method.latents(n, generator)
    device = next(method.parameters()).device
    return torch.cat([to_uint8(method.sample(part.to(device))).cpu() for part in z.split(block)])


def slerp(start: Tensor, end: Tensor, t: float) -> Tensor:
    """Spherical interpolation between rows of (N, d), at fraction t in [0, 1] of the angle.

    Straight lines pass near the centre, where a Gaussian in many dimensions has no mass (White
    2016, arXiv:1609.04468). Norms are interpolated linearly; parallel rows fall back to a line.
    """
    norm_start, norm_end = start.norm(dim=1, keepdim=True), end.norm(dim=1, keepdim=True)
    cosine = (start * end).sum(dim=1, keepdim=True) / (norm_start * norm_end).clamp_min(1e-12)
    angle = cosine.clamp(-1, 1).acos()
    sine = angle.sin()
    straight = sine < 1e-6
    safe = torch.where(straight, torch.ones_like(sine), sine)
    weight_start = torch.where(
        straight, torch.full_like(sine, 1 - t), ((1 - t) * angle).sin() / safe
    )
    weight_end = torch.where(straight, torch.full_like(sine, t), (t * angle).sin() / safe)
    direction = weight_start * start / norm_start.clamp_min(1e-12)
    direction = direction + weight_end * end / norm_end.clamp_min(1e-12)
    return direction * ((1 - t) * norm_start + t * norm_end)


def walk(points: Tensor, steps: int) -> list[Tensor]:
    """Closed spherical walk through points (K, N, d): K·steps latents (N, d), evenly eased."""
    latents = []
    for i in range(len(points)):
        start, end = points[i], points[(i + 1) % len(points)]
        for j in range(steps):
            # Cosine easing: the walk rests a moment at each point that was drawn.
            latents.append(slerp(start, end, 0.5 - 0.5 * math.cos(math.pi * j / steps)))
    return latents
