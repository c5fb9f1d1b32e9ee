"""Weights as they are published: rounded to half precision before anything is drawn from them."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from safetensors.torch import save
from torch import Tensor


def halved(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state on the CPU with floats rounded to half precision.

    A tensor with a value that half precision can't hold stays as it is.
    """
    return {name: _half(value.detach().cpu().contiguous()) for name, value in state.items()}


def _half(value: Tensor) -> Tensor:
    if not value.is_floating_point():
        return value
    half = value.half()
    return half if half.isfinite().all() or not value.isfinite().all() else value


def safetensors(state: Mapping[str, Tensor]) -> bytes:
    """The bytes of a .safetensors file."""
    with torch.no_grad():
        return save(dict(state))
