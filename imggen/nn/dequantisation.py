"""Densities of images that have 256 grey levels.

A density can grow without end on a level that many pixels have. Noise of a level's width makes it
honest: its mean log-density is never above the levels' log-probability (Theis et al. 2016,
[arXiv:1511.01844](https://arxiv.org/abs/1511.01844), section 3.1).

Then nearly all of a digit's pixels lie within one level's width of black, and a few lie all over
the rest: lengths that differ by a factor of 256. Logits bring them together (Dinh et al. 2016,
[arXiv:1605.08803](https://arxiv.org/abs/1605.08803), section 4.1).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

LEVELS = 256
"""Grey levels of a pixel of 8 bits."""
NOTE = "8-bit grey levels with uniform noise of one level, one draw an image: a bound from above"
"""What `bits_per_dim` of a density with this noise are taken of."""


def dequantise(x: Tensor, noise: Tensor | float = 0.5) -> Tensor:
    """Pixels [-1, 1] -> points of their levels in [-1, 1]; noise in [0, 1), 0.5 is the middle."""
    level = ((x + 1) * (LEVELS - 1) / 2).round()
    return (level + noise) * (2 / LEVELS) - 1


def level_of(x: Tensor) -> Tensor:
    """The inverse, where the noise was 0.5: points in [-1, 1] -> pixels [-1, 1]."""
    return (((x + 1) * (LEVELS / 2) - 0.5) * (2 / (LEVELS - 1)) - 1).clamp(-1, 1)


LOGIT_SCALE = 0.25
"""Of logits: black and white are then some three apart."""


def logits(x: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    """Points (N, C, H, W) in [-1, 1] -> logits of them, and the log-determinant (N,) of that.

    `alpha` keeps both ends away from infinity. The middle of the darkest level is at 0.
    """
    p, q = _inner((1 + x) / 2, alpha), _inner((1 - x) / 2, alpha)
    y = LOGIT_SCALE * (p.log() - q.log() - _darkest(alpha))
    slope = math.log((1 - 2 * alpha) * LOGIT_SCALE / 2)
    return y, (slope - p.log() - q.log()).flatten(1).sum(dim=1)


def from_logits(y: Tensor, alpha: float) -> Tensor:
    """The inverse: logits -> points in [-1, 1]."""
    p = (y / LOGIT_SCALE + _darkest(alpha)).sigmoid()
    return 2 * (p - alpha) / (1 - 2 * alpha) - 1


def _inner(share: Tensor, alpha: float) -> Tensor:
    return alpha + (1 - 2 * alpha) * share


def _darkest(alpha: float) -> float:
    p = alpha + (1 - 2 * alpha) * 0.5 / LEVELS
    return math.log(p / (1 - p))


def uniform_like(x: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Noise in [0, 1), from a generator on the CPU where one is given."""
    if generator is None:
        return torch.rand_like(x)
    return torch.rand(x.shape, generator=generator).to(x.device)


def bits_per_dim(log_density: Tensor, dimensions: int) -> Tensor:
    """Bits for each pixel and channel, from log-densities (N,) on [-1, 1], in nats.

    A level is 2/256 wide. The uniform density, which knows nothing, has 8.
    """
    nats = -log_density / dimensions + math.log(LEVELS / 2)
    return nats / math.log(2)
