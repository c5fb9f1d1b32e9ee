"""One file per paper. Each holds a `Config` and a module that satisfies `Method`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple, Protocol

import torch
from torch import Tensor
from torch.optim import Optimizer

Shape = tuple[int, int, int]
Minimize = Callable[[Tensor, Optimizer], None]


class Batch(NamedTuple):
    """Images `x` (N, C, H, W) in [-1, 1]; `labels` (N,) int64, or None without classes."""

    x: Tensor
    labels: Tensor | None


class Method(Protocol):
    """What the loop, the figures and the metrics ask of a paper.

    The class takes `(config, shape)`, where shape is the (C, H, W) of one image.
    `minimize(loss, optimizer)` belongs to the loop: it moves the parameters of that optimizer and
    no others. `panels` says which statistics are drawn together, under which y-axis label.
    """

    panels: ClassVar[dict[str, tuple[str, ...]]]
    optimizers: dict[str, Optimizer]
    shape: Shape

    def training_step(self, batch: Batch, step: int, minimize: Minimize) -> dict[str, Tensor]:
        """One step of the paper's algorithm; returns scalars worth logging."""
        ...

    def latents(self, n: int, generator: torch.Generator) -> Tensor:
        """`n` draws from the prior, (n, z_dim)."""
        ...

    def sample(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] from latents (N, z_dim)."""
        ...

    def published_state(self) -> dict[str, Any]:
        """The part of the state that sampling and evaluation need."""
        ...
