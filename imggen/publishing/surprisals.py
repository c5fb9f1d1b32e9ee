"""Where in an image a model pays: what each part costs, given those before it."""

from __future__ import annotations

import torch
from torch import Tensor

from imggen.data.images import Images, normalise
from imggen.drawing import grids
from imggen.methods import HasSurprisals
from imggen.runs.sampling import Trained

SHOWN, COLUMNS = 32, 16
"""Test images; how many stand in a row."""
MOST = 0.995
"""The share of parts that are not the brightest."""
GLOW = ((0, 0, 0), (110, 20, 90), (230, 90, 50), (255, 240, 170))
"""Colours from no cost to much, equally far apart."""


def surprises(trained: Trained, test: Images) -> bool:
    """Whether the method says what parts cost, of black and white images, and images suffice."""
    return isinstance(trained.method, HasSurprisals) and len(test) >= SHOWN


def surprisals_png(trained: Trained, test: Images) -> bytes:
    """Rows of test images, black or white, and below each row what their parts cost."""
    method, x = trained.method, test.pixels[:SHOWN]
    assert isinstance(method, HasSurprisals)
    with torch.inference_mode():
        nats = method.surprisals(normalise(x)).cpu()
    black_or_white = torch.where(x > 127, 255, 0).to(torch.uint8).expand(-1, 3, -1, -1)
    shown = coloured(nats / nats.flatten().quantile(MOST), x.shape[2:])
    pairs = zip(black_or_white.split(COLUMNS), shown.split(COLUMNS), strict=True)
    return grids.png(grids.sheet(torch.cat([part for pair in pairs for part in pair]), COLUMNS))


def coloured(shares: Tensor, size: tuple[int, ...]) -> Tensor:
    """Shares (N, h, w) of the brightest colour -> pixels (N, 3, H, W) uint8, parts as squares."""
    stops = torch.tensor(GLOW, dtype=torch.float32)
    at = shares.clamp(0, 1) * (len(stops) - 1)
    below = at.floor().clamp(max=len(stops) - 2).long()
    part = (at - below)[..., None]
    colours = (stops[below] * (1 - part) + stops[below + 1] * part).round().to(torch.uint8)
    high, wide = (side // count for side, count in zip(size, shares.shape[1:], strict=True))
    return colours.permute(0, 3, 1, 2).repeat_interleave(high, 2).repeat_interleave(wide, 3)
