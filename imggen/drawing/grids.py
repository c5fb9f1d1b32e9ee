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


def scale_for(height: int) -> int:
    """How often a pixel is repeated so that an image is about 56 pixels high."""
    return max(1, round(56 / height))


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


def sheet(pixels: Tensor, columns: int) -> Pixels:
    """Images as `image_grid`, each about 56 pixels high."""
    return image_grid(pixels, columns, scale_for(pixels.shape[2]))


def stacked(grids: Sequence[Pixels]) -> Pixels:
    """Grids (H, W, 3) of one width below each other, with a wide white line between two."""
    line = np.full((4 * PADDING, grids[0].shape[1], 3), BACKGROUND, dtype=np.uint8)
    parts = [part for grid in grids for part in (grid, line)]
    return np.concatenate(parts[:-1])


def tinted(pixels: Tensor, colours: Tensor) -> Tensor:
    """Grey uint8 images (N, 1, H, W) as ink of white on a ground of their own colour (N, 3).

    In 16 levels: the eye needs no more here, and the file has half the size.
    """
    ink = (pixels.float() / 17).round() / 15
    ground = colours.float()[:, :, None, None] * 0.62
    return (ground + ink * (255 - ground)).round().to(torch.uint8)


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
