"""Encode, edit, decode: real images moved along one property, and drawn again.

The property is measured on the images themselves, so no labels are needed: how much of an image is
ink, and how far its strokes lean. The mean latent of those images that have more of it than half
of all, minus that of the others, is a direction (Kingma and Dhariwal 2018,
[arXiv:1807.03039](https://arxiv.org/abs/1807.03039), section 6); multiples of it are added to the
latents of other images, which are then decoded.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from imggen.data.images import Images, normalise, to_uint8
from imggen.drawing import grids
from imggen.methods import Encodes
from imggen.runs.sampling import Trained, fixed_latents

EDITED, MEASURED = 8, 2000
"""Test images that are edited, the first ones; and those after them that give the directions."""
WEIGHTS = (-2, -1, 0, 1, 2)
"""How often a direction is added, from row to row."""


def ink(x: Tensor) -> Tensor:
    """The mean of all pixels in [0, 1]: (N, C, H, W) -> (N,)."""
    return x.flatten(1).mean(dim=1)


def slant(x: Tensor) -> Tensor:
    """How far to the right bright strokes lean for each pixel upwards: (N, C, H, W) -> (N,).

    The regression of columns on rows, each weighed by its brightness. 0 for images without any.
    """
    light = x.mean(dim=1)
    total = light.sum(dim=(1, 2)).clamp(min=1e-6)
    rows, columns = (torch.arange(size, dtype=x.dtype) for size in light.shape[1:])
    by_row, by_column = light.sum(dim=2) / total[:, None], light.sum(dim=1) / total[:, None]
    down = rows - (by_row * rows).sum(dim=1, keepdim=True)
    right = columns - (by_column * columns).sum(dim=1, keepdim=True)
    covariance = (light * down[:, :, None] * right[:, None, :]).sum(dim=(1, 2)) / total
    return -covariance / (by_row * down.square()).sum(dim=1).clamp(min=1e-6)


PROPERTIES: tuple[Callable[[Tensor], Tensor], ...] = (ink, slant)
"""A block of rows each."""


def edits(trained: Trained, test: Images) -> bool:
    """Whether what it encodes are latents that it decodes, without labels, and images suffice."""
    method = trained.method
    if method.spec.classes or method.spec.source or not isinstance(method, Encodes):
        return False
    if len(test) < EDITED + 2:
        return False
    with torch.inference_mode():
        code = method.encode(normalise(test.pixels[:1]))
    return code.shape == fixed_latents(method, 1, "walk").shape


@torch.inference_mode()
def edited(trained: Trained, test: Images) -> Tensor:
    """uint8 (properties, 1 + weights, images, C, H, W): the images, and below them their edits."""
    method, x = trained.method, test.pixels[: EDITED + MEASURED]
    assert isinstance(method, Encodes)
    z = method.encode(normalise(x))
    own, others, seen = z[:EDITED], z[EDITED:], x[EDITED:].float() / 255
    blocks = []
    for measured in PROPERTIES:
        much = measured(seen)
        more = much > much.median()
        if not 0 < more.sum() < len(more):  # all alike: nothing to learn a direction from
            more = torch.arange(len(more)) % 2 == 0
        along = others[more].mean(dim=0) - others[~more].mean(dim=0)
        made = [to_uint8(method.sample(own + weight * along)) for weight in WEIGHTS]
        blocks.append(torch.stack([x[:EDITED], *made]))
    return torch.stack(blocks)


def edits_png(trained: Trained, test: Images) -> bytes:
    """The images in the first row of each block, a weight in each row below."""
    blocks = edited(trained, test)
    sheets = [grids.sheet(block.flatten(0, 1), EDITED) for block in blocks]
    return grids.png(grids.stacked(sheets))
