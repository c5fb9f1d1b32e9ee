"""R1: the penalty of a linear discriminator, every so many steps."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from imggen.methods import Batch, Spec, r1

SPEC = Spec((1, 8, 8))


def build(**settings) -> r1.R1:
    torch.manual_seed(0)
    return r1.R1(r1.Config(**{"width": 4, "z_dim": 4, **settings}), SPEC)


def losses(method: r1.R1, step: int) -> list[float]:
    """What D and G are asked to minimise at a step."""
    asked = []
    torch.manual_seed(1)
    batch = Batch(torch.rand(8, 1, 8, 8))
    method.training_step(batch, step, lambda loss, optimizer, lr=None: asked.append(loss.item()))
    return asked


def test_the_penalty_of_a_linear_discriminator():
    """D(x) = w · x: gamma/2 ||w||², `every` times at once, and not in between."""
    plain, lazy = build(gamma=0.0), build(gamma=0.5, every=4)
    w = torch.linspace(-1, 1, 64)
    for method in (plain, lazy):
        method.D = nn.Sequential(nn.Flatten(), nn.Linear(64, 1, bias=False), nn.Flatten(0))
        method.D[1].weight.data = w[None].clone()
    extra = 4 * 0.5 / 2 * w.square().sum().item()
    assert losses(lazy, 0)[0] - losses(plain, 0)[0] == pytest.approx(extra, rel=1e-5)
    for step in (1, 2, 3):
        assert losses(lazy, step)[0] == pytest.approx(losses(plain, step)[0])
    assert losses(lazy, 0)[1] == losses(plain, 0)[1], "the generator's loss has no penalty"
