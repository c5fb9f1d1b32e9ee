"""Labels that are sometimes left out, and what one gains from it when one samples."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from imggen.nn.solvers import Field

Predict = Callable[[Tensor, float, Tensor | None], Tensor]
"""Mixtures z (N, ...) at one time, labels (N,) or None -> (N, ...)."""


def drop_labels(y: Tensor | None, share: float, classes: int) -> Tensor | None:
    """Labels (N,), each with probability `share` replaced by `classes`, which means none."""
    if y is None:
        return None
    return torch.where(torch.rand(len(y), device=y.device) < share, classes, y)


def labelled(y: Tensor | None, classes: int) -> Tensor | None:
    """The labels that a method makes use of: none of a method without `classes`.

    Raises: ValueError where they are needed and missing.
    """
    if classes and y is None:
        raise ValueError("this method was trained with labels and samples only with them")
    return y if classes else None


def refuse_share(label_dropout: float) -> None:
    """Raises: ValueError for a share of labels left out below 0, or that leaves none."""
    if not 0 <= label_dropout < 1:
        raise ValueError(f"label_dropout is {label_dropout}, and must be from 0 to below 1")


def refuse_unlearnt(scale: float, classes: int, label_dropout: float) -> None:
    """Raises: ValueError for guidance after a training that left no labels out, or without end."""
    if not math.isfinite(scale):
        raise ValueError(f"guidance is {scale}, and must be a number")
    if scale != 1 and not (classes and label_dropout > 0):
        raise ValueError(f"guidance is {scale}, and needs labels of which some were left out")


def guided(predict: Predict, y: Tensor | None, classes: int, scale: float) -> Field:
    """Classifier-free guidance: none + scale (label - none); 1 is the plain conditional.

    Ho and Salimans 2022 (arXiv:2207.12598, Eq. 6) write w for scale - 1. It costs a second pass.

    Raises: ValueError for a scale other than 1 without labels.
    """
    if scale == 1:
        return lambda z, t: predict(z, t, y)
    if y is None:
        raise ValueError(f"guidance is {scale}, and this method was trained without labels")
    both = torch.cat([y, torch.full_like(y, classes)])

    def field(z: Tensor, t: float) -> Tensor:
        label, none = predict(torch.cat([z, z]), t, both).chunk(2)
        return none + scale * (label - none)

    return field
