"""How time and label reach a network: as one vector that all its blocks see."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Numbers(nn.Module):
    """k numbers a row, (N, k), as waves of 16 lengths and two layers -> (N, width).

    Angular frequencies go from 1 to 64, so that slopes along a number stay moderate: a time in
    [0, 1] is given as it is, not times 1,000.
    """

    frequencies: Tensor

    def __init__(self, k: int, width: int, waves: int = 16) -> None:
        super().__init__()
        frequencies = torch.logspace(0, math.log10(64), waves)
        self.register_buffer("frequencies", frequencies, persistent=False)
        self.layers = nn.Sequential(
            nn.Linear(2 * waves * k, width), nn.SiLU(), nn.Linear(width, width)
        )

    def forward(self, numbers: Tensor) -> Tensor:
        with torch.autocast(numbers.device.type, enabled=False):
            angles = numbers.float()[:, :, None] * self.frequencies
            waves = torch.cat([angles.cos(), angles.sin()], dim=2).flatten(1)
        return self.layers(waves)


class Conditions(nn.Module):
    """Numbers (N, k) and labels (N,) or None -> one vector (N, width) for all blocks.

    Label `classes` stands for no label: `drop_labels` puts it.
    """

    def __init__(self, k: int, classes: int, width: int) -> None:
        super().__init__()
        self.numbers = Numbers(k, width)
        self.label = nn.Embedding(classes + 1, width) if classes else None

    def forward(self, numbers: Tensor, y: Tensor | None) -> Tensor:
        given = self.numbers(numbers)
        return F.silu(given if self.label is None else given + self.label(y))
