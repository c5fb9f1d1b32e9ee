"""Images to PNG and GIF. Knows no model."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import imageio.v3 as iio
import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    import numpy.typing as npt

    Pixels = npt.NDArray[np.uint8]

PADDING = 2
BACKGROUND = 255


def image_grid(pixels: Tensor, columns: int, scale: int = 1, padding: int = PADDING) -> Pixels:
    """Tiles uint8 images (N, C, H, W) row by row on white: (rows·H', columns·W', 3), N padded.

    `scale` repeats each pixel; no interpolation, so that what is seen is what was generated.
    """
    n, _, height, width = pixels.shape
    rows = math.ceil(n / columns)
    images = pixels.repeat_interleave(scale, dim=2).repeat_interleave(scale, dim=3)
    height, width = height * scale, width * scale
    grid = np.full(
        (rows * (height + padding) + padding, columns * (width + padding) + padding, 3),
        BACKGROUND,
        dtype=np.uint8,
    )
    for i, image in enumerate(images.permute(0, 2, 3, 1).cpu().numpy()):
        top = padding + (i // columns) * (height + padding)
        left = padding + (i % columns) * (width + padding)
        grid[top : top + height, left : left + width] = image
    return grid


def png(image: Pixels) -> bytes:
    """PNG bytes of an image (H, W, 3); grey ones are stored with one channel."""
    buffer = io.BytesIO()
    iio.imwrite(buffer, _thin(image), extension=".png", optimize=True)
    return buffer.getvalue()


def npy(pixels: Tensor) -> bytes:
    """The bytes of a .npy file of uint8 images (N, C, H, W), stored as (N, H, W, C)."""
    buffer = io.BytesIO()
    np.save(buffer, pixels.permute(0, 2, 3, 1).contiguous().numpy())
    return buffer.getvalue()


def gif(frames: Sequence[Pixels], seconds: float, hold_last: float = 0.0) -> bytes:
    """An endless GIF of frames (H, W, 3) that lasts `seconds`, plus `hold_last` on the last frame.

    Grey frames keep 16 levels: digits look the same, and the file is half as large.
    """
    each = 1000 * seconds / len(frames)
    durations = [each] * (len(frames) - 1) + [each + 1000 * hold_last]
    buffer = io.BytesIO()
    stack = [_quantise(_thin(frame)) for frame in frames]
    iio.imwrite(buffer, stack, extension=".gif", duration=durations, loop=0, optimize=True)
    return buffer.getvalue()


def _thin(image: Pixels) -> Pixels:
    grey = (image[..., :1] == image).all()
    return np.ascontiguousarray(image[..., 0]) if grey else image


def _quantise(image: Pixels, levels: int = 16) -> Pixels:
    if image.ndim == 3:
        return image
    step = 255 / (levels - 1)
    return np.rint(np.rint(image / step) * step).astype(np.uint8)


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
