"""The original GAN: what its theorems say of a game small enough to solve, and LSGAN's."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from imggen.methods import Batch, Spec, gan

SPEC = Spec((1, 8, 8))
P, Q = torch.tensor([0.5, 0.3, 0.2]), torch.tensor([0.1, 0.3, 0.6])
"""Real and generated densities on three points."""


def build(**settings) -> gan.GAN:
    torch.manual_seed(0)
    return gan.GAN(gan.Config(**settings), SPEC)


def best_discriminator(method: gan.GAN) -> tuple[Tensor, float]:
    """D's outputs on the three points after descent on its own loss, and the loss."""

    def loss() -> Tensor:
        # A table of outputs, weighted by how often each point occurs among 10.
        real, fake = (table.repeat_interleave((10 * w).round().long()) for w in (P, Q))
        return method.loss_of_D(real, fake)

    table = torch.zeros(3, requires_grad=True)
    optimizer = torch.optim.LBFGS([table], max_iter=200, tolerance_grad=1e-9)

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = loss()
        value.backward()
        return value

    optimizer.step(closure)
    return table.detach(), loss().item()


def test_the_best_discriminator_and_what_it_leaves():
    """Proposition 1: D* = p / (p + q); Theorem 1: V(D*) = 2 JSD(p, q) - log 4."""
    table, loss = best_discriminator(build())
    assert torch.allclose(table.sigmoid(), P / (P + Q), atol=1e-4)
    M = (P + Q) / 2
    divergence = ((P * (P / M).log()).sum() + (Q * (Q / M).log()).sum()) / 2
    assert -loss == pytest.approx(2 * divergence.item() - math.log(4), abs=1e-5)


def test_the_best_discriminator_of_least_squares():
    """LSGAN, Eq. 5: D* = (b p + a q) / (p + q)."""
    table, _ = best_discriminator(build(loss="least_squares", a=-1.0, b=1.0, c=0.0))
    assert torch.allclose(table, (P - Q) / (P + Q), atol=1e-4)


def test_the_saturating_loss_is_flat_where_the_discriminator_is_sure():
    """Section 3: at D = sigmoid(-10) one gradient is all but gone, the other is all but 1."""
    slopes = {}
    for loss in ("saturating", "non_saturating"):
        logit = torch.tensor([-10.0], requires_grad=True)
        build(loss=loss).loss_of_G(logit).backward()
        slopes[loss] = logit.grad.item()
    assert slopes["saturating"] == pytest.approx(-torch.sigmoid(torch.tensor(-10.0)).item())
    assert slopes["non_saturating"] == pytest.approx(-1, abs=1e-4)


def test_the_wish_of_a_least_squares_generator_is_c():
    method = build(loss="least_squares", c=0.25)
    assert method.loss_of_G(torch.full((4,), 0.25)).item() == 0
    assert method.loss_of_G(torch.full((4,), 1.25)).item() == pytest.approx(0.5)


def test_the_generator_moves_after_every_k_steps_of_the_discriminator():
    """Algorithm 1."""
    method, moved = build(steps_D=3), []

    def minimize(loss, optimizer, lr=None):
        moved.append("G" if optimizer is method.opt_G else "D")

    for step in range(6):
        method.training_step(Batch(torch.zeros(4, 1, 8, 8)), step, minimize)
    assert "".join(moved) == "DDDGDDDG"


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"dropout": 1.0}, "dropout is 1.0"),
        ({"dropout": -0.1}, "dropout is -0.1"),
        ({"hidden_G": (8, 0)}, "hidden_G is 0, where 1 is the least"),
    ],
)
def test_senseless_settings_are_refused(settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        build(**settings)
