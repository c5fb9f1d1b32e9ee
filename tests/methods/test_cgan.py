"""Conditional GAN: both players see the label, and judge pairs."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from imggen.methods import Batch, Spec, cgan

SPEC = Spec((1, 8, 8), classes=10)


def build() -> cgan.CGAN:
    torch.manual_seed(0)
    return cgan.CGAN(cgan.Config.tiny(), SPEC).eval()


def test_pairs_are_judged_one_by_one():
    """The logits of a permuted batch of (x, y) are the permuted logits."""
    method, order = build(), torch.randperm(8)
    x, y = torch.rand(8, 1, 8, 8), torch.arange(8)
    assert torch.allclose(method.judge(x, y)[order], method.judge(x[order], y[order]), atol=1e-6)
    assert not torch.allclose(method.judge(x, y), method.judge(x, y.flip(0)))


def test_a_label_fills_one_map_of_what_the_discriminator_sees():
    method, seen = build(), []
    method.D.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    method.judge(torch.zeros(2, 1, 8, 8), torch.tensor([3, 9]))
    maps = seen[0][:, 1:]
    assert maps.shape == (2, 10, 8, 8) and maps.sum() == 2 * 64
    assert (maps[0, 3] == 1).all() and (maps[1, 9] == 1).all()


def test_losses_at_a_discriminator_that_does_not_know():
    """D = 1/2 everywhere: loss_D = 2 log 2 and loss_G = log 2."""
    method = cgan.CGAN(cgan.Config.tiny(), SPEC)
    nn.init.zeros_(method.D.layers[-2].weight)
    batch = Batch(torch.rand(16, 1, 8, 8) * 2 - 1, torch.arange(16) % 10)
    stats = method.training_step(batch, 0, lambda loss, optimizer, lr=None: None)
    assert stats["loss_D"].item() == pytest.approx(2 * math.log(2))
    assert stats["loss_G"].item() == pytest.approx(math.log(2))


def test_the_generator_is_asked_for_the_labels_of_the_real_images():
    method, asked = cgan.CGAN(cgan.Config.tiny(), SPEC), []
    method.G.register_forward_pre_hook(lambda _, given: asked.append(given[0][:, -10:].argmax(1)))
    y = torch.tensor([7, 1, 1, 4])
    batch = Batch(torch.rand(4, 1, 8, 8), y)
    method.training_step(batch, 0, lambda loss, optimizer, lr=None: None)
    assert torch.equal(asked[0], y)
