"""WGAN-GP and R1: penalties of critics whose slope is known."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from imggen.methods import Batch, Spec, wgan_gp
from imggen.nn.convolutions import Critic
from imggen.nn.penalties import squared_slopes

SPEC = Spec((1, 8, 8))


class Linear(nn.Module):
    """D(x) = w · x."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.linspace(-1, 1, 64).double())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.flatten(1).to(self.w.dtype) @ self.w


@pytest.fixture
def method() -> wgan_gp.WGANGP:
    torch.manual_seed(0)
    return wgan_gp.WGANGP(wgan_gp.Config.tiny(), SPEC)


def test_the_penalty_of_a_linear_critic(method):
    """(||w|| - 1)² for every point, with the gradient 2 (||w|| - 1) w / ||w||."""
    method.D = Linear()
    w = method.D.w
    slopes = method.slopes(torch.rand(6, 1, 8, 8), torch.rand(6, 1, 8, 8))
    assert slopes.tolist() == pytest.approx([w.norm().item()] * 6, rel=1e-6)
    (slopes - 1).square().mean().backward()
    expected = 2 * (w.norm() - 1) * w / w.norm()
    assert torch.allclose(w.grad, expected, rtol=1e-5)


def test_each_pair_has_a_point_of_its_own_between_them(method):
    """x_hat = eps x + (1 - eps) x_fake with one eps for each image, all pixels alike."""
    seen = []
    method.D.register_forward_pre_hook(lambda _, given: seen.append(given[0].detach()))
    method.slopes(torch.ones(500, 1, 8, 8), torch.zeros(500, 1, 8, 8))
    eps = seen[0].flatten(1)
    assert torch.equal(eps, eps[:, :1].expand_as(eps))
    assert eps[:, 0].unique().numel() > 490
    assert eps[:, 0].mean().item() == pytest.approx(0.5, abs=0.05)


def test_a_flat_critic_has_a_finite_gradient(method):
    """The norm's root has no slope at 0: 1e-12 below it keeps NaN away."""
    for weight in method.D.parameters():
        nn.init.zeros_(weight)
    penalty = (method.slopes(torch.rand(4, 1, 8, 8), torch.rand(4, 1, 8, 8)) - 1).square().mean()
    penalty.backward()
    assert penalty.item() == pytest.approx(1, abs=1e-5)
    assert all(p.grad is None or p.grad.isfinite().all() for p in method.D.parameters())


def test_slopes_are_those_of_finite_differences():
    torch.manual_seed(0)
    critic, x = Critic(4, 0.2, SPEC.shape), torch.rand(3, 1, 8, 8)
    critic = critic.double()
    critic.trunk.forward = lambda x: critic.trunk.layers(x).flatten(1)  # float() would round
    value = lambda x: critic.value(critic.trunk(x)).squeeze(1)  # noqa: E731
    step, direction = 1e-6, torch.randn(3, 1, 8, 8).double()
    y = x.double().requires_grad_()
    (slope,) = torch.autograd.grad(value(y).sum(), y)
    difference = (value(y + step * direction) - value(y - step * direction)) / (2 * step)
    assert torch.allclose((slope * direction).flatten(1).sum(1), difference, rtol=1e-5)
    found = squared_slopes(critic.float(), x)
    assert torch.allclose(found.double(), slope.flatten(1).square().sum(1), rtol=1e-4)


def test_slopes_are_taken_in_float32_below_bf16():
    torch.manual_seed(0)
    critic, x = Critic(4, 0.2, SPEC.shape), torch.rand(3, 1, 8, 8)
    whole = squared_slopes(critic, x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.allclose(squared_slopes(critic, x), whole, rtol=1e-6)


def test_the_critic_judges_each_image_by_itself(method):
    assert not any(isinstance(m, nn.modules.batchnorm._NormBase) for m in method.D.modules())
    x = torch.rand(6, 1, 8, 8)
    assert torch.allclose(method.D(x)[:2], method.D(x[:2]), atol=1e-6)


def test_the_generator_moves_after_every_n_steps_of_the_critic(method):
    moved = []

    def minimize(loss, optimizer, lr=None):
        moved.append("G" if optimizer is method.opt_G else "D")

    for step in range(4):
        method.training_step(Batch(torch.rand(4, 1, 8, 8)), step, minimize)
    assert "".join(moved) == "DDGDDG"
