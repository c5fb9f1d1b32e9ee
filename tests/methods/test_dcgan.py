"""DCGAN: the paper's rules for its networks, and its losses where they are known."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from imggen.methods import Batch, Spec, dcgan
from imggen.nn.convolutions import pyramid
from imggen.nn.schedules import learning_rate

SPEC = Spec((1, 8, 8))


def batch() -> Batch:
    return Batch(torch.rand(16, 1, 8, 8, generator=torch.Generator().manual_seed(1)) * 2 - 1)


def test_pyramid_doubles_from_four_pixels():
    assert pyramid(64) == [4, 8, 16, 32, 64]
    assert pyramid(28) == [4, 7, 14, 28]
    with pytest.raises(ValueError, match="too small"):
        pyramid(6)


def test_dcgan_follows_the_papers_rules():
    method = dcgan.DCGAN(dcgan.Config(), Spec((1, 28, 28)))
    kinds = [type(layer) for layer in method.modules()]
    assert nn.MaxPool2d not in kinds and nn.Linear not in kinds
    generator, discriminator = method.G.layers, method.D.layers
    assert isinstance(generator[-1], nn.Tanh)
    assert isinstance(generator[-2], nn.ConvTranspose2d) and generator[-2].bias is not None
    assert not isinstance(discriminator[1], nn.BatchNorm2d)
    weights = torch.cat([m.weight.flatten() for m in method.modules() if isinstance(m, nn.Conv2d)])
    assert weights.std().item() == pytest.approx(0.02, rel=0.05)


def test_dcgan_losses_at_a_discriminator_that_does_not_know():
    """D = 1/2 everywhere: loss_D = 2 log 2 and loss_G = log 2 (arXiv:1406.2661, section 4)."""
    method = dcgan.DCGAN(dcgan.Config.tiny(), SPEC)
    nn.init.zeros_(method.D.layers[-2].weight)
    stats = method.training_step(batch(), 0, lambda loss, optimizer, lr=None: None)
    assert stats["loss_D"].item() == pytest.approx(2 * math.log(2))
    assert stats["loss_G"].item() == pytest.approx(math.log(2))
    assert stats["D_real"].item() == stats["D_fake"].item() == 0.5


def test_learning_rate_is_constant_then_falls_to_zero():
    rates = [learning_rate(2.0, step, 100) for step in (0, 50, 75, 100, 120)]
    assert rates == [2.0, 2.0, 1.0, 0.0, 0.0]
    assert learning_rate(2.0, 10**6, None) == 2.0


def test_batch_statistics_are_those_of_one_half_batch_at_a_time():
    """Real and generated images never share a batch norm (authors' code)."""
    method, seen = dcgan.DCGAN(dcgan.Config.tiny(), SPEC), []
    norm = next(m for m in method.D.modules() if isinstance(m, nn.BatchNorm2d))
    norm.register_forward_pre_hook(lambda _, given: seen.append(len(given[0])))
    method.training_step(batch(), 0, lambda loss, optimizer, lr=None: None)
    assert seen == [16, 16, 16]
