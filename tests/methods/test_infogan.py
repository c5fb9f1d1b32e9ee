"""InfoGAN: a bound that can't be beaten, and codes that are drawn as they should be."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from imggen.methods import Batch, Spec, infogan


@pytest.fixture
def method() -> infogan.InfoGAN:
    torch.manual_seed(0)
    return infogan.InfoGAN(infogan.Config(width=4), Spec((1, 8, 8)))


def test_latents_are_noise_a_category_and_codes(method):
    z = method.latents(5000, torch.Generator().manual_seed(0))
    noise, category, codes = method.parts(z)
    assert noise.shape == (5000, 62) and codes.shape == (5000, 2)
    assert torch.equal(category.sum(dim=1), torch.ones(5000))
    assert category.mean(dim=0).tolist() == pytest.approx([0.1] * 10, abs=0.02)
    for part in (noise, codes):
        assert part.abs().max() <= 1
        assert part.var().item() == pytest.approx(1 / 3, abs=0.02)


def test_no_guess_says_more_than_the_entropy_of_the_code(method):
    """L_I <= H(c) = ln 10 (section 4); equality for a guess that is sure and right."""
    z = method.latents(400, torch.Generator().manual_seed(0))
    _, category, codes = method.parts(z)
    sure = torch.cat([100 * category, codes], dim=1)
    _, stats = method.missing(z, sure)
    assert stats["information"].item() == pytest.approx(math.log(10))
    assert stats["error"].item() == 0
    for scale in (0.1, 1.0, 10.0):
        _, stats = method.missing(z, scale * torch.randn_like(sure))
        assert stats["information"].item() < math.log(10)
    _, stats = method.missing(z, torch.zeros_like(sure))
    assert stats["information"].item() == pytest.approx(0, abs=1e-6), "a guess at random says 0"


def test_what_is_lost_is_a_log_density_up_to_constants(method):
    """-log Q(c | x): a categorical and Gaussians of standard deviation 1."""
    z = method.latents(50, torch.Generator().manual_seed(0))
    guess = torch.randn(50, 12)
    _, category, codes = method.parts(z)
    normal = torch.distributions.Normal(guess[:, 10:], 1.0)
    expected = F.nll_loss(guess[:, :10].log_softmax(dim=1), category.argmax(dim=1))
    expected = expected - (normal.log_prob(codes) + math.log(2 * math.pi) / 2).sum(dim=1).mean()
    assert method.missing(z, guess)[0].item() == pytest.approx(expected.item(), rel=1e-5)


def test_the_guess_learns_to_read_the_code(method):
    """With G fixed, Q's head and the shared convolutions come to know the category."""
    z = method.latents(64, torch.Generator().manual_seed(0))
    x = method.G(z).detach()
    before = method.missing(z, method.D(x)[1])[1]["information"].item()
    for _ in range(60):
        lost, stats = method.missing(z, method.D(x)[1])
        method.opt_D.zero_grad()
        lost.backward()
        method.opt_D.step()
    assert stats["information"].item() > before + 0.3


def test_what_is_not_read_is_in_both_players_losses():
    """-lambda L_I in D's loss and in G's: that of a paper whose lambda is 0 lacks just that."""
    losses, lost = {}, []
    for weight in (0.0, 1.0):
        torch.manual_seed(0)
        config = infogan.Config(width=4, information=weight, information_continuous=weight)
        method = infogan.InfoGAN(config, Spec((1, 8, 8)))
        if weight:
            kept = method.missing
            method.missing = lambda z, guess, kept=kept: lost.append(kept(z, guess)) or lost[-1]
        found: list[float] = []
        batch = Batch(torch.rand(16, 1, 8, 8, generator=torch.Generator().manual_seed(1)))
        method.training_step(batch, 0, lambda loss, o, lr=None, to=found: to.append(loss.item()))
        losses[weight] = found
    assert len(lost) == 2
    for without, with_it, (unread, _) in zip(losses[0.0], losses[1.0], lost, strict=True):
        assert unread.item() > 1
        assert with_it - without == pytest.approx(unread.item(), rel=1e-4)


def test_one_code_is_turned_and_nothing_else(method):
    z = method.latents(3, torch.Generator().manual_seed(0))
    noise, category, codes = method.parts(z)
    turned = method.turned(z, steps=10)
    assert list(turned) == ["category", "code 1", "code 2"]
    for name, latents in turned.items():
        assert latents.shape == (3, 10, 74)
        kept = [part.view(3, 10, -1) for part in method.parts(latents.flatten(0, 1))]
        assert torch.equal(kept[0], noise[:, None].expand(3, 10, 62))
        if name == "category":
            assert torch.equal(kept[1].argmax(dim=2), torch.arange(10).expand(3, 10))
            assert torch.equal(kept[2], codes[:, None].expand(3, 10, 2))
        else:
            at = int(name[-1]) - 1
            assert torch.equal(kept[1], category[:, None].expand(3, 10, 10))
            assert torch.allclose(kept[2][..., at], torch.linspace(-1, 1, 10).expand(3, 10))
            other = codes[:, None, 1 - at].expand(3, 10)
            assert torch.equal(kept[2][..., 1 - at], other)
