"""WGAN: clipped weights, what they can tell apart, and the order of steps."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from imggen.methods import Batch, Spec, wgan


def build(**settings) -> wgan.WGAN:
    torch.manual_seed(0)
    return wgan.WGAN(wgan.Config(**{"width": 4, "z_dim": 4, **settings}), Spec((1, 8, 8)))


def test_every_weight_of_the_critic_is_within_the_bound_after_a_step():
    method = build(clip=0.03, init_std=1.0)

    def minimize(loss, optimizer, lr=None):
        optimizer.zero_grad()
        loss.backward(inputs=[p for group in optimizer.param_groups for p in group["params"]])
        optimizer.step()

    stats = method.training_step(Batch(torch.rand(8, 1, 8, 8)), 0, minimize)
    assert all(weight.abs().max() <= torch.tensor(0.03) for weight in method.D.parameters())
    assert stats["clipped"] > 0.9, "weights N(0, 1) nearly all lie beyond 0.03"
    assert max(weight.abs().max() for weight in method.G.parameters()) > 0.03


class Constant(nn.Module):
    """G(z) is one image, whatever z."""

    def __init__(self, image: torch.Tensor) -> None:
        super().__init__()
        self.image = image

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return self.image.expand(len(z), -1, -1, -1)


class Linear(nn.Module):
    """D(x) = w · x."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.zeros(64))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.flatten(1) @ self.w


def test_a_clipped_linear_critic_ends_in_its_corner():
    """max over |w| <= c of w · (mean x - mean x_fake): c times the 1-norm, at w = c sign."""
    method = build(clip=0.1)
    method.D, steps = Linear(), []
    method.G = Constant(torch.linspace(0.2, 0.8, 64).view(1, 8, 8))
    optimizer = torch.optim.RMSprop(method.D.parameters(), lr=5e-3)

    def minimize(loss, asked, lr=None):
        if asked is method.opt_D:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    x = torch.rand(8, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    gap = (x.mean(dim=0) - method.G.image).flatten()
    for step in range(200):
        steps.append(method.training_step(Batch(x), step, minimize))
    assert gap.abs().min() > 1e-4
    assert torch.equal(method.D.w.detach(), 0.1 * gap.sign())
    assert steps[-1]["distance"].item() == pytest.approx(0.1 * gap.abs().sum().item(), rel=1e-4)
    assert steps[-1]["clipped"] == 1


def test_the_order_of_steps_is_that_of_the_released_code():
    """100 steps of the critic for G's first 25 and each 500th, else 5, counted one by one."""
    expected, done = set(), 0
    for moved in range(1100):
        done += 100 if moved < 25 or moved % 500 == 0 else 5
        expected.add(done - 1)
    found = {step for step in range(done) if wgan.moves_generator(step, 5, 100)}
    assert found == expected


def test_a_bound_of_nothing_is_refused():
    with pytest.raises(ValueError, match="clip is 0"):
        build(clip=0.0)
