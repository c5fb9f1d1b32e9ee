"""Maps of images that can be undone, each with its log-determinant: the parts of a flow.

Affine couplings are those of Dinh et al. 2016 (RealNVP,
[arXiv:1605.08803](https://arxiv.org/abs/1605.08803), section 3.2); actnorm and the 1x1 convolution
are Kingma's and Dhariwal's (Glow, [arXiv:1807.03039](https://arxiv.org/abs/1807.03039), Table 1).

Each is called with images (N, C, H, W) and returns as many values and log-determinants, (N,) or one
number for all; `inverse` goes back.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LOG_SCALE_FACTOR = 3.0
"""What stored log-scales and offsets are multiplied by, to learn faster (the paper's code)."""


class Mix(nn.Module):
    """Actnorm, then the invertible 1x1 convolution: one matrix for all pixels (section 3)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(channels))
        self.log_scale = nn.Parameter(torch.zeros(channels))
        self.rotation = nn.Parameter(nn.init.orthogonal_(torch.empty(channels, channels)))

    def matrix(self) -> Tensor:
        """Both as one matrix (C, C)."""
        return self.rotation * (LOG_SCALE_FACTOR * self.log_scale).exp()

    def forward(self, h: Tensor) -> tuple[Tensor, Tensor]:
        matrix, pixels = self.matrix(), h.shape[2] * h.shape[3]
        logdet = torch.linalg.slogdet(matrix).logabsdet * pixels
        return F.conv2d(h + self.shift[:, None, None], matrix[:, :, None, None]), logdet

    def inverse(self, h: Tensor) -> Tensor:
        """Where h came from."""
        matrix = torch.linalg.inv(self.matrix().double()).to(h.dtype)
        return F.conv2d(h, matrix[:, :, None, None]) - self.shift[:, None, None]


class Coupling(nn.Module):
    """Scales and shifts the second half of the channels by what a network reads in the first.

    It starts as the identity (section 3.3).
    """

    def __init__(
        self, half: int, hidden: int, numbers: int, height: int, width: int, bound: float
    ) -> None:
        super().__init__()
        self.bound, last = bound, nn.Conv2d(hidden, numbers, 3, padding=1, bias=False)
        nn.init.zeros_(last.weight)
        self.net = nn.Sequential(
            nn.Conv2d(half, hidden, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(hidden, hidden, 1),
            nn.ReLU(inplace=True),
            last,
        )
        self.offset = nn.Parameter(torch.zeros(numbers, height, width))

    def numbers(self, first: Tensor) -> tuple[Tensor, Tensor]:
        """Log-scales, bounded, and shifts of the second half."""
        numbers = self.net(first) + LOG_SCALE_FACTOR * self.offset
        raw, shift = numbers.chunk(2, dim=1)
        return self.bound * (raw / self.bound).tanh(), shift

    def forward(self, h: Tensor) -> tuple[Tensor, Tensor]:
        first, second = h.chunk(2, dim=1)
        log_scale, shift = self.numbers(first)
        second = (second + shift) * log_scale.exp()
        return torch.cat([first, second], dim=1), log_scale.sum(dim=(1, 2, 3))

    def inverse(self, h: Tensor) -> Tensor:
        """Where h came from."""
        first, second = h.chunk(2, dim=1)
        log_scale, shift = self.numbers(first)
        return torch.cat([first, second * (-log_scale).exp() - shift], dim=1)


class Affine(nn.Module):
    """A scale and a shift of each value: the deepest level's mean and deviation."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(shape))
        self.log_scale = nn.Parameter(torch.zeros(shape))

    def forward(self, h: Tensor) -> tuple[Tensor, Tensor]:
        return (h + self.shift) * self.log_scale.exp(), self.log_scale.sum()

    def inverse(self, h: Tensor) -> Tensor:
        """Where h came from."""
        return h * (-self.log_scale).exp() - self.shift
