"""Published weights: half precision, except where it can't hold a value."""

from __future__ import annotations

import torch
from safetensors.torch import load

from imggen.runs.weights import halved, safetensors


def test_floats_are_rounded_and_the_rest_is_kept():
    state = {"w": torch.tensor([1 / 3, 2.0]), "n": torch.tensor(7), "big": torch.tensor([1e6])}
    weights = load(safetensors(halved(state)))
    assert weights["w"].dtype == torch.float16 and weights["n"].dtype == torch.int64
    assert weights["big"].dtype == torch.float32 and weights["big"].item() == 1e6
    assert torch.allclose(weights["w"].float(), state["w"], rtol=5e-4)


def test_rounding_twice_changes_nothing():
    once = halved({"w": torch.randn(100)})
    assert torch.equal(once["w"], halved({"w": once["w"].float()})["w"])
