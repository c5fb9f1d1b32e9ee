"""Latent diffusion: two phases of one run, and latents of unit size between them."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from cases import CASES, batch_for, digits, keep_no_frame, spec_of, trainer
from torch.distributions import Normal, kl_divergence

from imggen.data.images import normalise
from imggen.methods import Spec
from imggen.methods.latent_diffusion import (
    Config,
    LatentDiffusion,
    draw_from,
    kl_per_value,
    normal_nll,
)


def latent(**settings) -> LatentDiffusion:
    return LatentDiffusion(dataclasses.replace(Config.tiny(), **settings), spec_of())


def test_the_cost_of_a_latent_is_its_divergence_from_a_standard_normal():
    torch.manual_seed(0)
    mu, logvar = torch.randn(2, 3, 4, 2, 2)
    expected = kl_divergence(Normal(mu, (logvar / 2).exp()), Normal(0.0, 1.0)).mean()
    assert kl_per_value(mu, logvar).item() == pytest.approx(expected.item(), rel=1e-5)


def test_draws_have_the_posteriors_moments():
    torch.manual_seed(0)
    h = draw_from(torch.full((50_000,), 0.3), torch.full((50_000,), -1.0))
    assert h.mean().item() == pytest.approx(0.3, abs=0.01)
    assert h.var().item() == pytest.approx(torch.tensor(-1.0).exp().item(), rel=0.03)


def test_the_likeliest_size_is_the_root_mean_square():
    h = torch.tensor([1.0, -3.0, 2.0, 4.0])
    log_std = torch.tensor(7.5).log().div(2).requires_grad_()
    best = normal_nll(h, log_std)
    best.backward()
    assert log_std.grad.item() == pytest.approx(0.0, abs=1e-6)
    expected = -Normal(0.0, 7.5**0.5).log_prob(h).mean() - torch.tensor(2 * torch.pi).log() / 2
    assert best.item() == pytest.approx(expected.item(), rel=1e-6)


def test_each_phase_moves_its_own_networks_and_scaled_latents_have_unit_size(tmp_path):
    """After the real loop's first phase the flow sees latents of root mean square 1."""
    config = dataclasses.replace(Config.tiny(), first_stage_steps=120)
    case = CASES["latent_diffusion"]._replace(config=config)
    t = trainer(tmp_path, case, steps=130, frames=0)
    v = [p.detach().clone() for p in t.method.v.parameters()]
    while t.step < 120:
        t.advance()
    assert all(map(torch.equal, v, t.method.v.parameters()))
    first = [p.detach().clone() for p in t.method.autoencoder.parameters()]
    x = normalise(digits().pixels[:300])
    with torch.no_grad():
        h = draw_from(*t.method.autoencoder.encode(x)) / t.method.log_std.exp()
    assert h.square().mean().sqrt().item() == pytest.approx(1.0, abs=0.05)
    size = t.method.log_std.detach().clone()
    assert size.abs().item() > 0.1, "or there was nothing to find"
    t.train(keep_no_frame)
    assert all(map(torch.equal, first, t.method.autoencoder.parameters()))
    assert torch.equal(size, t.method.log_std)
    assert not all(map(torch.equal, v, t.method.v.parameters()))


def test_images_come_back_better_than_their_mean():
    torch.manual_seed(0)
    method = latent(first_stage_steps=10_000)
    x = normalise(digits().pixels[:64])
    batch = batch_for(method, 64)._replace(x=x)

    def minimize(loss, optimizer, lr=None):
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    for step in range(200):
        method.training_step(batch, step, minimize)
    error = (method.reconstruct(x) - x).square().mean()
    assert error < 0.3 * (x - x.mean(dim=0)).square().mean()
    assert method.encode(x).shape == (64, 4 * 2 * 2)


def test_sides_that_4_does_not_divide_are_refused():
    with pytest.raises(ValueError, match="multiples of 4, and these are 10x8"):
        LatentDiffusion(Config.tiny(), Spec((1, 8, 10), classes=10))
    with pytest.raises(ValueError, match="kl_weight is -1"):
        latent(kl_weight=-1.0)
