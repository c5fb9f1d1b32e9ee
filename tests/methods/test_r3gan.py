"""R3GAN: losses that only know differences, two penalties, blocks that begin as nothing."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from imggen.methods import Batch, Spec, r3gan
from imggen.methods.r3gan import Block, Config
from imggen.nn.resampling import Down, Up
from imggen.nn.schedules import cosine

SPEC = Spec((1, 8, 8), classes=10)


@pytest.fixture
def method() -> r3gan.R3GAN:
    torch.manual_seed(0)
    return r3gan.R3GAN(Config.tiny(), SPEC)


class Shifted(nn.Module):
    """D + c."""

    def __init__(self, D: nn.Module, c: float) -> None:
        super().__init__()
        self.D, self.c = D, c

    def forward(self, x: torch.Tensor, y: torch.Tensor | None) -> torch.Tensor:
        return self.D(x, y) + self.c


class Linear(nn.Module):
    """D(x) = w · x, whatever the label."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.w = nn.Parameter(scale * torch.linspace(-1, 1, 64))

    def forward(self, x: torch.Tensor, y: torch.Tensor | None) -> torch.Tensor:
        return x.flatten(1) @ self.w


def test_a_constant_added_to_the_discriminator_changes_nothing(method):
    x, x_fake = torch.rand(6, 1, 8, 8), torch.rand(6, 1, 8, 8)
    before = method.loss_of_D(x, x_fake, None)[0], method.loss_of_G(x, x_fake, None)
    method.D = Shifted(method.D, 7.0)
    after = method.loss_of_D(x, x_fake, None)[0], method.loss_of_G(x, x_fake, None)
    assert torch.allclose(torch.stack(before), torch.stack(after), atol=1e-5)


def test_both_losses_are_log_two_where_nothing_is_known(method):
    method.D = Linear(0.0)
    x, x_fake = torch.rand(6, 1, 8, 8), torch.rand(6, 1, 8, 8)
    assert method.loss_of_D(x, x_fake, None)[0].item() == pytest.approx(math.log(2))
    assert method.loss_of_G(x, x_fake, None).item() == pytest.approx(math.log(2))


def test_the_players_want_opposite_things(method):
    """softplus(t) and softplus(-t) of the same difference t = D(x_fake) - D(x)."""
    method.D = Linear(0.3)
    x, x_fake = torch.rand(1, 1, 8, 8), torch.rand(1, 1, 8, 8)
    of_D, margin = method.loss_of_D(x, x_fake, None)
    assert (of_D - method.loss_of_G(x, x_fake, None)).item() == pytest.approx(-margin.item())


def test_images_are_judged_in_pairs(method):
    """The mean of softplus over six pairs, not softplus of means."""
    method.D = Linear(0.3)
    x, x_fake = torch.rand(6, 1, 8, 8), torch.rand(6, 1, 8, 8)
    real, fake = method.D(x, None), method.D(x_fake, None)
    pairs = [math.log1p(math.exp(f - r)) for r, f in zip(real.tolist(), fake.tolist(), strict=True)]
    of_D, margin = method.loss_of_D(x, x_fake, None)
    assert of_D.item() == pytest.approx(sum(pairs) / 6, rel=1e-5)
    assert margin.item() == pytest.approx((real - fake).mean().item(), rel=1e-5)
    pairs = [math.log1p(math.exp(r - f)) for r, f in zip(real.tolist(), fake.tolist(), strict=True)]
    assert method.loss_of_G(x, x_fake, None).item() == pytest.approx(sum(pairs) / 6, rel=1e-5)


class Bowl(nn.Module):
    """D(x) = s ||x||² / 2, whose slope at x is s x."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x: torch.Tensor, y: torch.Tensor | None) -> torch.Tensor:
        return self.scale * x.flatten(1).square().sum(dim=1) / 2


def test_slopes_are_punished_where_the_images_are():
    """||x||² at real images and ||x_fake||² at generated ones."""
    method = r3gan.R3GAN(Config(gamma=0.5, every=1, widths=(8, 8), group=4, z_dim=4), SPEC)
    method.D = Bowl()
    batch, losses, made = Batch(torch.rand(6, 1, 8, 8)), [], []
    method.G.register_forward_hook(lambda module, given, x: made.append(x.detach()))
    stats = method.training_step(batch, 0, lambda loss, o, lr=None: losses.append(loss.item()))
    real, fake = (x.flatten(1).square().sum(dim=1).mean() for x in (batch.x, made[0]))
    assert stats["slope_real"].item() == pytest.approx(real.item(), rel=1e-4)
    assert stats["slope_fake"].item() == pytest.approx(fake.item(), rel=1e-4)
    penalty = 0.25 * (real + fake).item()
    assert losses[0] == pytest.approx(stats["loss_D"].item() + penalty, rel=1e-4)


def test_the_loss_also_stands_on_networks_of_strided_convolutions():
    config = Config(networks="strided", width=4, z_dim=4)
    method = r3gan.R3GAN(config, SPEC).eval()
    assert method.sample(torch.randn(3, 4)).shape == (3, 1, 8, 8)
    assert method.D(torch.rand(3, 1, 8, 8), None).shape == (3,)
    assert not any("Norm" in type(m).__name__ for m in method.D.modules())
    with pytest.raises(ValueError, match="strided networks take no labels"):
        r3gan.R3GAN(Config(networks="strided", labels=True), SPEC)


def test_the_two_penalties_of_a_linear_discriminator():
    """gamma/2 ||w||² at real and as much at generated images, `every` times at once."""
    asked = {}
    for gamma in (0.0, 0.5):
        torch.manual_seed(0)
        config = Config(gamma=gamma, every=4, widths=(8, 8), group=4, z_dim=4)
        method = r3gan.R3GAN(config, SPEC)
        method.D = Linear(0.1)
        for step in (0, 1):
            torch.manual_seed(1)
            losses = []
            batch = Batch(torch.rand(6, 1, 8, 8))
            method.training_step(batch, step, lambda loss, o, lr=None, to=losses: to.append(loss))
            asked[gamma, step] = losses[0].item()
    extra = 4 * 0.5 * method.D.w.square().sum().item()
    assert asked[0.5, 0] - asked[0.0, 0] == pytest.approx(extra, rel=1e-4)
    assert asked[0.5, 1] == asked[0.0, 1]


def test_a_new_block_is_the_identity_and_has_no_normalisation(method):
    block, x = Block(8, Config.tiny()), torch.randn(2, 8, 4, 4)
    assert torch.equal(block(x), x)
    kinds = {type(m) for m in method.modules()}
    assert not any("Norm" in kind.__name__ for kind in kinds)
    assert nn.Tanh not in kinds


def test_resampling_keeps_a_constant_away_from_the_border():
    x = torch.full((1, 3, 6, 6), 2.0)
    assert torch.allclose(Up()(x)[..., 1:-1, 1:-1], torch.full((1, 3, 10, 10), 2.0))
    assert torch.allclose(Down()(x)[..., 1:, 1:], torch.full((1, 3, 2, 2), 2.0))
    assert Up()(x).shape == (1, 3, 12, 12) and Down()(x).shape == (1, 3, 3, 3)


def test_schedules_go_from_first_to_last_on_half_a_cosine():
    assert [cosine(2, 1, step, 100) for step in (0, 50, 100, 150)] == [2, 1.5, 1, 1]
    assert cosine(2, 1, 10**6, None) == 2


def test_labels_reach_both_players_if_asked():
    torch.manual_seed(0)
    config = Config(labels=True, widths=(8, 8), group=4, z_dim=4)
    method = r3gan.R3GAN(config, SPEC).eval()
    assert method.spec.classes == 10
    x, z = torch.rand(4, 1, 8, 8), torch.randn(4, 4)
    a, b = torch.full((4,), 2), torch.full((4,), 5)
    assert not torch.equal(method.D(x, a), method.D(x, b))
    assert not torch.equal(method.sample(z, a), method.sample(z, b))
    with pytest.raises(ValueError, match="only with them"):
        method.sample(z)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"widths": (24,), "group": 16, "expansion": 1}, "24 channels do not split in 16s"),
        ({"widths": (8, 8, 8, 8)}, "multiples of 16 pixels"),
    ],
)
def test_what_does_not_fit_is_refused(settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        r3gan.R3GAN(Config(**settings), SPEC)
