"""Shortcut models: consistency in a Gaussian world, which rows learn what, and the sampler."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from cases import batch_for, spec_of
from torch import nn

from imggen.methods.shortcut import Config, Sampler, Shortcut

S = 0.5


def deviation(t):
    return ((1 - t) ** 2 * S**2 + t**2).sqrt()


class GaussianShortcut(nn.Module):
    """Where images are N(0, S² I) a step of size d leads from z to z sigma_(t-d) / sigma_t."""

    def __init__(self, finest: int) -> None:
        super().__init__()
        self.finest = finest

    def forward(self, z, numbers, y=None):
        t, d = numbers[:, 0].to(z.dtype), 2.0 ** -(numbers[:, 1].to(z.dtype) * self.finest)
        return z * ((1 - deviation(t - d) / deviation(t)) / d)[:, None, None, None]


def shortcut(**settings) -> Shortcut:
    return Shortcut(dataclasses.replace(Config.tiny(), **settings), spec_of())


def exact(**settings) -> Shortcut:
    method = shortcut(**settings)
    method.s = GaussianShortcut(method.finest)
    return method


def test_two_steps_are_one_of_twice_the_size_for_the_true_flow():
    method = exact(finest=128)
    k = torch.arange(7).repeat(3).double()
    multiple = torch.tensor([0.01, 0.5, 0.99]).repeat_interleave(7).double()
    t = ((multiple * 2**k).floor() + 1) / 2**k
    z = torch.randn(21, 1, 8, 8, dtype=torch.float64)
    whole = method.direction(z, t, k, None)
    assert torch.allclose(method.two_steps(z, t, k + 1, None), whole, atol=1e-9)


def test_tiny_steps_give_the_velocity():
    """s(z, t, d) - v(z, t) falls with d."""
    method, t = exact(), torch.tensor([0.7], dtype=torch.float64)
    z = torch.ones(1, 1, 1, 1, dtype=torch.float64)
    v = (t - (1 - t) * S**2) / deviation(t) ** 2
    errors = [
        (method.direction(z, t, torch.tensor([k], dtype=torch.float64), None) - v).abs().item()
        for k in (6, 7, 8)
    ]
    assert errors[0] / errors[1] == pytest.approx(2, rel=0.05)
    assert errors[1] / errors[2] == pytest.approx(2, rel=0.05)


@pytest.mark.parametrize("steps", [1, 2, 8])
def test_any_number_of_steps_ends_at_the_same_image(steps):
    z, y = torch.full((2, 1, 8, 8), 0.8, dtype=torch.float64), torch.zeros(2, dtype=torch.int64)
    x = exact().sample(z, y, Sampler(steps=steps, precision="fp32"))
    assert torch.allclose(x, S * z, atol=1e-6)


def test_which_rows_learn_what():
    """The first quarter: times on the grid of a step, sizes in turn, labels kept, own target."""
    method = shortcut(share=0.25, label_dropout=1.0)
    batch, asked = batch_for(method), []
    direction = method.direction

    def spy(z, t, k, y):
        asked.append((t, k, y, torch.is_grad_enabled()))
        return direction(z, t, k, y)

    method.direction = spy
    stats = method.training_step(batch, 0, lambda loss, optimizer, lr=None: None)
    (_, k1, y1, g1), (t2, k2, _, g2), (t, k, y, graded) = asked
    assert graded and not g1 and not g2, "no gradient through the target"
    assert k[:4].tolist() == [0, 1, 2, 0] and (k[4:] == 3).all()
    assert torch.equal(k1, k[:4] + 1) and torch.equal(k2, k1)
    grid = t[:4] * 2 ** k[:4]
    assert torch.equal(grid, grid.round()) and (t[:4] > 0).all() and (t[:4] <= 1).all()
    assert torch.allclose(t2, t[:4] - 2.0**-k1)
    assert torch.equal(y[:4], batch.y[:4]) and torch.equal(y1, batch.y[:4])
    assert (y[4:] == 10).all(), "labels are dropped among the others only"
    assert stats["loss_twice"].item() == 0, "a network of zeros is consistent"
    assert stats["loss_flow"].item() > 0.5


def test_gradient_flows_under_autocast_though_the_target_has_none():
    """The target's passes leave no copies of the weights behind that the loss would then use."""
    method = shortcut()
    for parameter in method.parameters():
        nn.init.normal_(parameter, std=0.2)
    batch, weights, found = batch_for(method), list(method.parameters()), []

    def keep(loss, optimizer, lr=None):
        found.append(torch.autograd.grad(loss, weights))

    for enabled in (False, True):
        torch.manual_seed(3)
        with torch.autocast("cpu", torch.bfloat16, enabled):
            method.training_step(batch, 0, keep)
    exact, rough = (torch.cat([g.flatten() for g in gradients]) for gradients in found)
    assert torch.cosine_similarity(exact, rough, dim=0) > 0.95


@pytest.mark.parametrize("steps", [0, 3, 16, -2])
def test_other_numbers_of_steps_are_refused(steps):
    method = shortcut()
    z = method.latents(2, torch.Generator().manual_seed(0))
    with pytest.raises(
        ValueError, match=rf"a sampler of {steps} steps .* power of two from 1 to 8"
    ):
        method.sample(z, torch.zeros(2, dtype=torch.int64), Sampler(steps=steps))


@pytest.mark.parametrize("settings", [{"finest": 12}, {"finest": 1}, {"share": 1.0}])
def test_senseless_settings_are_refused(settings):
    name, value = next(iter(settings.items()))
    with pytest.raises(ValueError, match=f"{name} is {value}"):
        shortcut(**settings)
