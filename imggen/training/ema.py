"""The exponential moving average of the weights, from which samples are drawn."""

from __future__ import annotations

import torch
from torch import Tensor

from imggen.methods import Method


def update_ema(ema: Method, method: Method, decay: float) -> None:
    """ema <- decay · ema + (1 - decay) · method for floats, batch-norm statistics included."""
    averaged, current = [], []
    for old, new in zip(_tensors(ema), _tensors(method), strict=True):
        if old.is_floating_point():
            averaged.append(old)
            current.append(new.detach())
        else:
            old.copy_(new)
    torch._foreach_lerp_(averaged, current, 1 - decay)


def _tensors(method: Method) -> list[Tensor]:
    return [*method.parameters(), *method.buffers()]
