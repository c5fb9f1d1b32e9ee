"""Weights as they are published: rounded to half precision before anything is drawn from them."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from safetensors.torch import save
from torch import Tensor

from imggen.runs.sampling import Trained


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


def publishable(trained: Trained) -> tuple[Trained, bytes]:
    """The method with its weights rounded to half precision, and the file that holds these.

    So figures and numbers belong to exactly this file.
    """
    weights = halved(trained.method.published_state())
    trained.method.load_state_dict(weights, strict=False)
    # As a reader's process will hold them: another memory format rounds in another order.
    method = trained.method.to("cpu", memory_format=torch.contiguous_format)
    return trained.replace(method), safetensors(weights)
