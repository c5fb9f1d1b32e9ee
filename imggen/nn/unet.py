"""A small U-Net that knows the time: what diffusion models and flows share.

Ronneberger et al. 2015 ([arXiv:1505.04597](https://arxiv.org/abs/1505.04597)) for the shape, Ho et
al. 2020 ([arXiv:2006.11239](https://arxiv.org/abs/2006.11239), appendix B) for blocks and
attention, Dhariwal and Nichol 2021 ([arXiv:2105.05233](https://arxiv.org/abs/2105.05233), section
3.1) for how time and label enter: as scale and shift of the normalised features.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from imggen.nn.blocks import at_least
from imggen.nn.conditions import Conditions

FOLD = 2
"""Squares of so many pixels a side become channels: width is cheap at a quarter of the places."""
HEADS, GROUPS = 4, 8


def norm(channels: int) -> nn.GroupNorm:
    """Group normalisation in at most 8 groups."""
    return nn.GroupNorm(math.gcd(GROUPS, channels), channels)


def zero(layer: nn.Conv2d) -> nn.Conv2d:
    """The layer with weights and biases of 0: at first a residual block changes nothing."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


class Block(nn.Module):
    """Two convolutions beside a short cut; the conditions scale and shift what lies between."""

    def __init__(self, source: int, target: int, conditions: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = norm(source), nn.Conv2d(source, target, 3, padding=1)
        self.norm2, self.conv2 = norm(target), zero(nn.Conv2d(target, target, 3, padding=1))
        self.modulation = nn.Linear(conditions, 2 * target)
        self.short_cut = nn.Conv2d(source, target, 1) if source != target else nn.Identity()

    def forward(self, x: Tensor, given: Tensor) -> Tensor:
        scale, shift = self.modulation(given)[:, :, None, None].chunk(2, dim=1)
        h = self.conv1(F.silu(self.norm1(x)))
        h = self.norm2(h) * (1 + scale) + shift
        return self.short_cut(x) + self.conv2(F.silu(h))


class Attention(nn.Module):
    """Every place looks at all others: (N, C, H, W) -> the same.

    Written out, since the fused kernels can't be differentiated forward.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm, self.qkv = norm(channels), nn.Conv2d(channels, 3 * channels, 1)
        self.out = zero(nn.Conv2d(channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(self.norm(x)).flatten(2).unflatten(1, (3, HEADS, -1)).unbind(1)
        weights = (q.transpose(2, 3) @ k / math.sqrt(q.shape[2])).softmax(dim=3)
        return x + self.out((v @ weights.transpose(2, 3)).flatten(1, 2).view_as(x))


class UNet(nn.Module):
    """Images (N, C, H, W), numbers (N, k) and labels (N,) or None -> (N, out or C, H, W).

    Blocks at half the image's size and, twice as wide, at a quarter, with attention there. With 64
    channels 1.1 million weights. The last layer starts at 0.

    Raises: ValueError for sides that 4 doesn't divide, or for a width that 4 doesn't.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        width: int,
        *,
        numbers: int = 1,
        classes: int = 0,
        out: int = 0,
    ) -> None:
        super().__init__()
        at_least(1, width=width)
        channels, height, breadth = shape
        if height % (2 * FOLD) or breadth % (2 * FOLD):
            raise ValueError(f"both sides must be multiples of 4, and these are {breadth}x{height}")
        if width % HEADS:
            raise ValueError(f"width is {width}, and must be a multiple of {HEADS}")
        self.conditions = Conditions(numbers, classes, 2 * width)
        self.first = nn.Conv2d(channels * FOLD**2, width, 3, padding=1)
        self.left = Block(width, width, 2 * width)
        self.down = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1)
        self.middle = nn.ModuleList(Block(2 * width, 2 * width, 2 * width) for _ in range(2))
        self.attention = Attention(2 * width)
        self.up = nn.Conv2d(2 * width, width, 3, padding=1)
        self.right = Block(2 * width, width, 2 * width)
        self.norm = norm(width)
        self.last = zero(nn.Conv2d(width, (out or channels) * FOLD**2, 3, padding=1))

    def forward(self, x: Tensor, numbers: Tensor, y: Tensor | None = None) -> Tensor:
        given = self.conditions(numbers, y)
        left = self.left(self.first(F.pixel_unshuffle(x, FOLD)), given)
        h = self.attention(self.middle[0](self.down(left), given))
        h = self.up(F.interpolate(self.middle[1](h, given), scale_factor=2.0))
        h = self.right(torch.cat([left, h], dim=1), given)
        return F.pixel_shuffle(self.last(F.silu(self.norm(h))), FOLD).float()
