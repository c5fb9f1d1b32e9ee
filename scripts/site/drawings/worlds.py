"""Small worlds in which a flow or a diffusion is known exactly."""

from __future__ import annotations

import functools
import math

import numpy as np

from drawings.canvas import Image
from drawings.digits import digit

MEANS, DEVIATION = np.array([-1.15, 1.15]), 0.16
"""Data of the line: two equal normal humps. Noise is standard normal, z = (1 - t) x + t e."""


def hump_shares(z: np.ndarray, t: float) -> tuple[np.ndarray, float]:
    """How likely z came from each hump, (2, n), and the variance of z given the hump."""
    variance = (1 - t) ** 2 * DEVIATION**2 + t**2
    log = -((z[None] - (1 - t) * MEANS[:, None]) ** 2) / (2 * variance)
    share = np.exp(log - log.max(0))
    return share / share.sum(0), variance


def velocity(z: np.ndarray, t: float) -> np.ndarray:
    """E[e - x | z]: the mean velocity of all lines through z at time t."""
    share, variance = hump_shares(z, t)
    slope = (t - (1 - t) * DEVIATION**2) / variance
    each = -MEANS[:, None] + slope * (z[None] - (1 - t) * MEANS[:, None])
    return (share * each).sum(0)


def paths(z: np.ndarray, steps: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Times from 1 to 0 and positions, (steps + 1, n), after Runge and Kutta."""
    times, rows = np.linspace(1, 0, steps + 1), [z]
    h = -1 / steps
    for t in times[:-1]:
        z = rows[-1]
        k1 = velocity(z, t)
        k2 = velocity(z + h / 2 * k1, t + h / 2)
        k3 = velocity(z + h / 2 * k2, t + h / 2)
        k4 = velocity(z + h * k3, t + h)
        rows.append(z + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4))
    return times, np.stack(rows)


def cumulative(z: float, t: float) -> float:
    """The share of mass below z at time t, which a path on the line keeps."""
    deviation = math.sqrt((1 - t) ** 2 * DEVIATION**2 + t**2)
    return sum(
        0.5 * (1 + math.erf((z - (1 - t) * m) / (deviation * math.sqrt(2)))) for m in MEANS
    ) / len(MEANS)


@functools.cache
def album() -> Image:
    """Eighteen digits in [-1, 1], (18, 196): all images that exist in that world."""
    every = [digit(name, slant=s) for name in "013478" for s in (-0.15, 0.0, 0.15)]
    return 2 * np.stack(every).reshape(18, -1) - 1


def kept(t: float) -> float:
    """The part of the image that is left at time t: the cosine schedule's root of alpha-bar."""
    return math.cos(math.pi / 2 * t)


def guess(z: Image, t: float) -> Image:
    """E[x | z]: the mean of the album, weighted by how likely each image lies behind z."""
    a, s = kept(t), math.sin(math.pi / 2 * t)
    log = -((z[None] - a * album()) ** 2).sum(1) / (2 * s**2)
    share = np.exp(log - log.max())
    return (share[:, None] * album()).sum(0) / share.sum()


def undone(z: Image, times: np.ndarray) -> list[Image]:
    """z at each time on the way down: DDIM with the exact guess."""
    rows = [z]
    for t, r in zip(times, times[1:], strict=False):
        x = guess(rows[-1], float(t))
        e = (rows[-1] - kept(float(t)) * x) / math.sin(math.pi / 2 * t)
        rows.append(kept(float(r)) * x + math.sin(math.pi / 2 * r) * e)
    return rows
