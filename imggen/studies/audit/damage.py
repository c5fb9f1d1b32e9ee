"""Controlled damage to images: each function takes uint8 (N, C, H, W) and gives the same back."""

from __future__ import annotations

import io

import numpy as np
import torch
from PIL import Image
from torch import Tensor


def blur(pixels: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of `sigma` pixels; 0 leaves the images as they are."""
    if sigma == 0:
        return pixels
    from torchvision.transforms.v2 import functional as transforms  # takes two seconds

    size = 2 * int(np.ceil(3 * sigma)) + 1
    padded = transforms.pad(pixels, [size // 2], padding_mode="constant")
    blurred = transforms.gaussian_blur(padded.float(), [size, size], [sigma, sigma])
    blurred = blurred[..., size // 2 : -(size // 2), size // 2 : -(size // 2)]
    return blurred.round().clamp(0, 255).to(torch.uint8)


def noise(pixels: Tensor, deviation: float, generator: torch.Generator) -> Tensor:
    """Adds Gaussian noise of `deviation` grey levels, rounded and clamped."""
    grains = torch.randn(pixels.shape, generator=generator) * deviation
    return (pixels + grains).round().clamp(0, 255).to(torch.uint8)


def jpeg(pixels: Tensor, quality: int) -> Tensor:
    """Compresses each image as JPEG of `quality` (1 to 95; 100 leaves it as it is)."""
    if quality == 100:
        return pixels
    out = []
    for image in pixels.permute(0, 2, 3, 1).numpy():
        buffer = io.BytesIO()
        Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image).save(
            buffer, format="jpeg", quality=quality
        )
        decoded = np.asarray(Image.open(buffer)).reshape(image.shape)
        out.append(torch.from_numpy(decoded.copy()))
    return torch.stack(out).permute(0, 3, 1, 2).contiguous()


def repeat(pixels: Tensor, distinct: int) -> Tensor:
    """Only the first `distinct` images, each as often as any other."""
    return pixels[torch.arange(len(pixels)) % distinct]


def replace(pixels: Tensor, others: Tensor, share: float) -> Tensor:
    """The first `share` of the images become those of `others`."""
    n = round(share * len(pixels))
    return torch.cat([others[:n], pixels[n:]])


def keep_classes(labels: Tensor, kept: int, n: int) -> Tensor:
    """Indices of the first `n` images whose label is below `kept`.

    Raises: ValueError when there are not so many.
    """
    index = (labels < kept).nonzero()[:, 0]
    if len(index) < n:
        raise ValueError(f"Only {len(index)} images have one of {kept} classes, not {n}.")
    return index[:n]


def unbalance(labels: Tensor, ratio: float, n: int) -> Tensor:
    """Indices of `n` images in which class 0 is `ratio` times as frequent as the last class.

    The frequencies in between fall geometrically; the first images of each class are taken.
    """
    classes = int(labels.max()) + 1
    weights = ratio ** -np.linspace(0, 1, classes)
    counts = np.floor(n * weights / weights.sum()).astype(int)
    counts[0] += n - counts.sum()
    parts = [(labels == c).nonzero()[: int(k), 0] for c, k in enumerate(counts)]
    if [len(part) for part in parts] != counts.tolist():
        raise ValueError(f"There are not enough images of a class for {n} images at {ratio}.")
    return torch.cat(parts)
