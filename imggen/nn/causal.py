"""Causal convolutions: a pixel sees the rows above it and the pixels to its left, nothing else.

Van den Oord et al. 2016 ([arXiv:1606.05328](https://arxiv.org/abs/1606.05328), section 2). Nothing
is masked: a kernel has only the weights that it may use, and its input is shifted. A vertical stack
sees all rows above a pixel, a horizontal one what is left of it in its row, and each layer hands
the first's features to the second. So no pixel before another is hidden from it, as some are from
a stack of masked kernels (the blind spot of Figure 1).

An image that is drawn pixel by pixel needs each feature once. `Walk` goes through the layers in
this order and keeps what later pixels look back at: a whole image costs one pass of the layers.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Past = deque[Tensor]
"""What was seen lately, the farthest first: as much as a kernel reaches."""


class Causal(nn.Conv2d):
    """What both kinds of convolution share: how far back the weights look, and the past of a walk.

    Of the kernel's length along the axis of time the half that looks back is left, with its middle
    unless the kernel is `strict`: then a pixel is hidden from itself.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int, dilation: int, *, strict: bool, rows: bool
    ) -> None:
        """`rows`: time runs from row to row, and the kernel is as wide as it was; or within one."""
        half, taps = kernel // 2, kernel // 2 + (not strict)
        size, padding = ((taps, kernel), (0, dilation * half)) if rows else ((1, taps), (0, 0))
        super().__init__(inputs, outputs, size, padding=padding, dilation=dilation)
        self.farthest, self.nearest = dilation * half, dilation if strict else 0

    def nothing_yet(self, zeros: Tensor) -> Past:
        """The past before the first step: `zeros` is what one step looks like."""
        steps = self.farthest - self.nearest + 1
        return deque([zeros] * steps, maxlen=steps)

    def seen(self, past: Past) -> list[Tensor]:
        """What each weight along the axis of time meets."""
        return list(past)[:: self.dilation[0]]


class Above(Causal):
    """Sees the rows above and, unless `strict`, its own row: (N, C, H, W) -> (N, outputs, H, W)."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, dilation: int = 1, *, strict: bool = False
    ) -> None:
        super().__init__(inputs, outputs, kernel, dilation, strict=strict, rows=True)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pad(x, (0, 0, self.farthest, -self.nearest)))

    def next(self, past: Past) -> Tensor:
        """The next row from those before it, (N, C, W) each: (N, outputs, 1, W)."""
        x = torch.stack(self.seen(past), dim=2)
        across = (1, self.dilation[1])
        return F.conv2d(x, self.weight, self.bias, padding=self.padding, dilation=across)


class Left(Causal):
    """Sees what is left of a pixel and, unless `strict`, the pixel: shapes as of `Above`."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, dilation: int = 1, *, strict: bool = False
    ) -> None:
        super().__init__(inputs, outputs, kernel, dilation, strict=strict, rows=False)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pad(x, (self.farthest, -self.nearest)))

    def next(self, past: Past) -> Tensor:
        """The next pixel from those before it in its row, (N, C) each: (N, outputs)."""
        weight = self.weight.squeeze(2).transpose(1, 2).flatten(1)
        return F.linear(torch.cat(self.seen(past), dim=1), weight, self.bias)


def gate(x: Tensor) -> Tensor:
    """2 tanh(a) sigmoid(2b) of the two halves of the channels: (N, 2C, ...) -> (N, C, ...).

    Eq. 2 but for the two factors, which the weights before and behind take up. Written with one
    function of all channels: halves of them lie scattered in memory, and take four times as long.
    """
    a, b = x.tanh().chunk(2, dim=1)
    return torch.addcmul(a, a, b)


class GatedLayer(nn.Module):
    """One layer of both stacks (Figure 2): v, h (N, inputs, H, W) -> v, h (N, width, H, W).

    The vertical features reach the horizontal stack before the gate, by a convolution of one
    pixel. The `first` layer hides each pixel from itself, and has no short cut, which would not.
    """

    def __init__(
        self, inputs: int, width: int, kernel: int, dilation: int = 1, *, first: bool = False
    ) -> None:
        super().__init__()
        self.vertical = Above(inputs, 2 * width, kernel, dilation, strict=first)
        self.horizontal = Left(inputs, 2 * width, kernel, dilation, strict=first)
        self.link = nn.Conv2d(2 * width, 2 * width, 1)
        self.out = nn.Conv2d(width, width, 1)
        self.inputs, self.first = inputs, first

    def forward(self, v: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        above = self.vertical(v)
        out = self.out(gate(self.horizontal(h) + self.link(above)))
        return gate(above), out if self.first else h + out

    def next_row(self, past: Past) -> tuple[Tensor, Tensor]:
        """Rows of v so far -> the next row of v (N, width, W), and what it tells h (W, N, 2 width).

        In the first layer the rows so far are those above, in others the last of them is its own.
        """
        above = self.vertical.next(past)
        told = self.link(above).squeeze(2).permute(2, 0, 1).contiguous()
        return gate(above).squeeze(2), told

    def next_pixel(self, past: Past, told: Tensor) -> Tensor:
        """Pixels of h so far and what v tells (N, 2 width) -> the next pixel of h (N, width)."""
        h = gate(self.horizontal.next(past) + told)
        out = F.linear(h, self.out.weight.flatten(1), self.out.bias)
        return out if self.first else past[-1] + out


class Walk:
    """Layers that go through `n` images pixel by pixel, each feature computed once.

    `row` begins a row; `pixel` is then asked for each of its pixels in turn.
    """

    def __init__(self, layers: Sequence[GatedLayer], n: int, columns: int) -> None:
        self.layers, self.n = layers, n
        self.zeros = layers[0].link.weight.new_zeros
        self.above = [
            layer.vertical.nothing_yet(self.zeros(n, layer.inputs, columns)) for layer in layers
        ]
        self.left: list[Past] = []
        self.told: list[Tensor] = []
        self.column = 0

    def row(self, above: Tensor) -> None:
        """The row of pixels (N, C, W) above the one that begins; zeros where there is none."""
        self.told, self.column = [], 0
        for layer, past in zip(self.layers, self.above, strict=True):
            past.append(above)
            above, told = layer.next_row(past)
            self.told.append(told)
        self.left = [
            layer.horizontal.nothing_yet(self.zeros(self.n, layer.inputs)) for layer in self.layers
        ]

    def pixel(self, left: Tensor) -> Tensor:
        """The pixels (N, C) left of the next ones, zeros where there are none -> (N, width)."""
        for layer, past, told in zip(self.layers, self.left, self.told, strict=True):
            past.append(left)
            left = layer.next_pixel(past, told[self.column])
        self.column += 1
        return left
