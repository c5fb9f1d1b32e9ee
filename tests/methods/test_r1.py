"""R1: the penalty of a linear discriminator, and the Dirac-GAN with and without it."""

from __future__ import annotations

import cmath
import math

import pytest
import torch
from torch import nn

from imggen.methods import Batch, Spec, r1
from imggen.methods.r1 import dirac_gan

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


def test_the_dirac_gan_circles_without_the_penalty():
    """Alternating descent keeps theta² + psi² up to a bounded wobble: it never arrives."""
    path = dirac_gan(gamma=0.0, lr=0.05, steps=4000)
    radius = path.norm(dim=1)
    assert radius[-500:].min() > 0.8 * radius[0]
    assert radius.max() < 1.3 * radius[0]


def test_the_dirac_gan_arrives_with_the_penalty():
    path = dirac_gan(gamma=0.5, lr=0.05, steps=2000)
    assert path[-1].norm() < 1e-6 * path[0].norm()


def test_it_arrives_as_fast_as_the_eigenvalues_say():
    """-gamma/2 ± sqrt(gamma²/4 - f'(0)²), f'(0) = 1/2: small steps follow the flow."""
    gamma, lr = 0.3, 0.002
    path = dirac_gan(gamma, lr, steps=20_000, start=(0.01, 0.01)).double()
    root = cmath.sqrt(gamma**2 / 4 - 0.25)
    rate = -(-gamma / 2 + root).real
    radius = path.norm(dim=1)
    # Peaks of the decaying turn, so that its phase does not matter.
    turn = round(2 * math.pi / (root.imag * lr))
    assert math.log(radius[0] / radius[turn]) / (turn * lr) == pytest.approx(rate, rel=0.02)
