"""Transformers on images: patches are tokens, and each looks at all others.

Vaswani et al. 2017 ([arXiv:1706.03762](https://arxiv.org/abs/1706.03762)) for attention, with the
normalisation before each part; Dosovitskiy et al. 2021
([arXiv:2010.11929](https://arxiv.org/abs/2010.11929)) for patches; Peebles and Xie 2023 (DiT,
[arXiv:2212.09748](https://arxiv.org/abs/2212.09748), section 3.2) for how time and label enter:
they scale and shift the normalised tokens and gate what is added to them, gates closed at first.
The layer that makes these numbers is most of a small DiT's weights if each block has its own. Here
all share one, and a block learns what to add to its output (Chen et al. 2023, PixArt-α,
[arXiv:2310.00426](https://arxiv.org/abs/2310.00426), section 2.3).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from imggen.nn.blocks import at_least
from imggen.nn.conditions import Conditions

EXPANSION = 4
"""Units of the layer between, for each channel of a token."""


def patchify(x: Tensor, patch: int) -> Tensor:
    """Images (N, C, H, W) -> their square patches, row by row, (N, L, C patch²)."""
    return F.pixel_unshuffle(x, patch).flatten(2).transpose(1, 2)


def unpatchify(tokens: Tensor, patch: int, rows: int) -> Tensor:
    """The inverse, for so many rows of patches: (N, L, C patch²) -> (N, C, H, W)."""
    return F.pixel_shuffle(tokens.transpose(1, 2).unflatten(2, (rows, -1)), patch)


def sine_positions(rows: int, columns: int, width: int) -> Tensor:
    """Where each token lies, as waves of width/4 lengths along both axes: (rows columns, width)."""
    frequencies = 10_000 ** -(torch.arange(width // 4) / (width // 4))
    grid = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    angles = torch.cat([at.flatten()[:, None] * frequencies for at in grid], dim=1)
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class Attention(nn.Module):
    """Every token looks at all others, or with `causal` at itself and those before it.

    (N, L, width) -> the same. Written out: on processors and at these sizes the fused kernel's
    backward pass takes ten times as long, and it can't be differentiated forward.
    """

    def __init__(self, width: int, heads: int, *, causal: bool = False) -> None:
        super().__init__()
        self.heads, self.causal = heads, causal
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).unflatten(2, (3, self.heads, -1)).transpose(1, 3).unbind(2)
        scores = (q / math.sqrt(q.shape[3])) @ k.transpose(2, 3)
        if self.causal:
            later = torch.ones_like(scores[0, 0], dtype=torch.bool).triu(1)
            scores = scores.masked_fill(later, -math.inf)
        h = scores.softmax(dim=3).to(v.dtype) @ v
        return self.out(h.transpose(1, 2).flatten(2))


def feed_forward(width: int) -> nn.Sequential:
    """What each token does by itself."""
    return nn.Sequential(
        nn.Linear(width, EXPANSION * width),
        nn.GELU(),
        nn.Linear(EXPANSION * width, width),
    )


class Block(nn.Module):
    """Attention, then each token by itself, both beside a short cut: (N, L, width) -> the same."""

    def __init__(self, width: int, heads: int, *, causal: bool = False) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads, causal=causal)
        self.feed_forward = feed_forward(width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.feed_forward(self.norm2(x))


class ModulatedBlock(nn.Module):
    """A block whose every part the conditions scale, shift and gate; at first it changes nothing.

    Tokens (N, L, width) and what all blocks are given (N, 6 width) -> (N, L, width).
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.attention, self.feed_forward = Attention(width, heads), feed_forward(width)
        self.offset = nn.Parameter(torch.zeros(6 * width))

    def forward(self, x: Tensor, given: Tensor) -> Tensor:
        scale1, shift1, gate1, scale2, shift2, gate2 = (given + self.offset)[:, None].chunk(6, 2)
        x = x + gate1 * self.attention(self.norm(x) * (1 + scale1) + shift1)
        return x + gate2 * self.feed_forward(self.norm(x) * (1 + scale2) + shift2)


def zero(layer: nn.Linear) -> nn.Linear:
    """The layer with weights and biases of 0."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


class Transformer(nn.Module):
    """Images (N, C, H, W), numbers (N, k) and labels (N,) or None -> (N, C, H, W).

    It takes what the U-Net takes. With 128 channels, 4 blocks and patches of 4 pixels 0.95 million
    weights. The last layer starts at 0.

    Raises: ValueError for sides that the patch doesn't divide, or for a width that the number of
    heads or 4 doesn't.
    """

    positions: Tensor

    def __init__(
        self,
        shape: tuple[int, int, int],
        patch: int,
        width: int,
        depth: int,
        heads: int,
        *,
        numbers: int = 1,
        classes: int = 0,
    ) -> None:
        super().__init__()
        at_least(1, patch=patch, width=width, depth=depth, heads=heads)
        channels, height, breadth = shape
        if height % patch or breadth % patch:
            raise ValueError(f"patch is {patch}, and must divide both sides of {breadth}x{height}")
        if width % heads or width % 4:
            raise ValueError(f"width is {width}, and must be a multiple of 4 and of {heads} heads")
        self.patch, self.rows = patch, height // patch
        positions = sine_positions(self.rows, breadth // patch, width)
        self.register_buffer("positions", positions, persistent=False)
        self.conditions = Conditions(numbers, classes, width)
        self.first = nn.Linear(channels * patch**2, width)
        self.modulation = zero(nn.Linear(width, 6 * width))
        self.blocks = nn.ModuleList(ModulatedBlock(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.last_modulation = zero(nn.Linear(width, 2 * width))
        self.last = zero(nn.Linear(width, channels * patch**2))

    def forward(self, x: Tensor, numbers: Tensor, y: Tensor | None = None) -> Tensor:
        condition = self.conditions(numbers, y)
        given = self.modulation(condition)
        h = self.first(patchify(x, self.patch)) + self.positions
        for block in self.blocks:
            h = block(h, given)
        scale, shift = self.last_modulation(condition)[:, None].chunk(2, dim=2)
        h = self.last(self.norm(h) * (1 + scale) + shift)
        return unpatchify(h, self.patch, self.rows).float()
