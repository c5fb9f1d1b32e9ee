"""Digits in pixels, from strokes: what drawings show where a real image would stand."""

from __future__ import annotations

import functools

import numpy as np

from drawings.canvas import Image

SIDE = 14
ARC = np.linspace(0, 2 * np.pi, 33)


def _ring(x: float, y: float, a: float, b: float) -> list[tuple[float, float]]:
    return [(x + a * np.sin(t), y - b * np.cos(t)) for t in ARC]


STROKES: dict[str, list[list[tuple[float, float]]]] = {
    "0": [_ring(0.5, 0.5, 0.2, 0.32)],
    "1": [[(0.4, 0.28), (0.53, 0.17), (0.5, 0.83)]],
    "3": [[(0.31, 0.2), (0.5, 0.16), (0.66, 0.24), (0.63, 0.4), (0.48, 0.48)],
          [(0.48, 0.48), (0.66, 0.55), (0.69, 0.7), (0.55, 0.82), (0.32, 0.8)]],
    "4": [[(0.4, 0.17), (0.28, 0.55), (0.72, 0.52)], [(0.62, 0.3), (0.58, 0.84)]],
    "7": [[(0.28, 0.21), (0.71, 0.19), (0.45, 0.84)]],
    "8": [_ring(0.5, 0.33, 0.16, 0.15), _ring(0.5, 0.66, 0.19, 0.17)],
    "torn": [[(0.28, 0.21), (0.55, 0.2)], [(0.67, 0.3), (0.58, 0.5)], [(0.4, 0.62), (0.45, 0.84)],
             [(0.3, 0.5), (0.42, 0.46)]],
}  # fmt: skip
"""Lines in the unit square, y downwards. `torn` is a 7 that a generator has not learnt yet."""


@functools.cache
def digit(name: str, side: int = SIDE, slant: float = 0.0) -> Image:
    """A digit as ink in [0, 1], (side, side): a pen of round tip along its strokes."""
    grid = (np.arange(side) + 0.5) / side
    x, y = np.meshgrid(grid, grid)
    x = x + slant * (y - 0.5)
    distance = np.full((side, side), np.inf)
    for stroke in STROKES[name]:
        for (x0, y0), (x1, y1) in zip(stroke, stroke[1:], strict=False):
            length = max((x1 - x0) ** 2 + (y1 - y0) ** 2, 1e-9)
            along = np.clip(((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / length, 0, 1)
            distance = np.minimum(
                distance, np.hypot(x - x0 - along * (x1 - x0), y - y0 - along * (y1 - y0))
            )
    return np.clip((0.085 - distance) / 0.045, 0, 1)


def noise(seed: int, side: int = SIDE) -> Image:
    """Standard normal noise, (side, side)."""
    return np.random.default_rng(seed).standard_normal((side, side))


def shown(pixels: Image) -> Image:
    """Pixels of about [-1, 1] as ink."""
    return np.clip((pixels + 1) / 2, 0, 1)
