"""Building blocks that two or more papers use."""

from __future__ import annotations

import math

from torch import Tensor, nn

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "softplus": nn.Softplus,
    "silu": nn.SiLU,
}


def mlp(sizes: tuple[int, ...], activation: str) -> nn.Sequential:
    """Fully connected layers of these sizes, with the activation after all but the last."""
    layers: list[nn.Module] = []
    for inputs, outputs in zip(sizes[:-1], sizes[1:], strict=True):
        layers += [nn.Linear(inputs, outputs), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-1])


def flat_size(shape: tuple[int, int, int]) -> int:
    """Number of values in one image of shape (C, H, W)."""
    channels, height, width = shape
    return channels * height * width


def side(shape: tuple[int, int, int]) -> int:
    """Height and width of square images (C, H, W). Raises: ValueError for others."""
    _, height, width = shape
    if height != width:
        raise ValueError(f"its images are square, and these are {width} x {height} pixels")
    return height


def at_least(least: float, **settings: float | None) -> None:
    """Raises: ValueError for a setting below `least`, or that is no number; None passes."""
    for name, value in settings.items():
        if value is not None and not value >= least:
            raise ValueError(f"{name} is {value}, where {least} is the least")


def above_zero(**settings: float) -> None:
    """Raises: ValueError for a setting that is no finite number above 0."""
    for name, value in settings.items():
        if not 0 < value < math.inf:
            raise ValueError(f"{name} is {value}, and must be a number above 0")


def to_unit(x: Tensor) -> Tensor:
    """Maps pixels in [-1, 1] to [0, 1]."""
    return (x + 1) / 2
