"""VAE: its likelihoods against closed forms and quadrature."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Bernoulli, Normal, kl_divergence

from imggen.methods import Batch, Spec, vae

SPEC = Spec((1, 8, 8))


def test_kl_equals_torch_distributions():
    mu, logvar = torch.randn(6, 5), torch.randn(6, 5)
    expected = kl_divergence(Normal(mu, (0.5 * logvar).exp()), Normal(0.0, 1.0)).sum(1)
    assert torch.allclose(vae.kl_to_standard_normal(mu, logvar), expected, atol=1e-5)


def test_bernoulli_log_likelihood_equals_torch_distributions():
    logits, x = 5 * torch.randn(4, 9), torch.bernoulli(torch.full((4, 9), 0.5))
    expected = Bernoulli(logits=logits).log_prob(x).sum(1)
    assert torch.allclose(vae.bernoulli_log_likelihood(x, logits), expected, atol=1e-5)


def exact_log_likelihood(method: vae.VAE, x: torch.Tensor) -> torch.Tensor:
    """log p(x) of a VAE with one latent, by quadrature on a fine grid."""
    z = torch.linspace(-9, 9, 20_001)[:, None]
    log_joint = vae.bernoulli_log_likelihood(x[:, None], method.decoder(z))
    log_joint = log_joint + Normal(0.0, 1.0).log_prob(z[:, 0])
    return torch.logsumexp(log_joint, dim=1) + math.log(18 / 20_000)


@torch.no_grad()
def test_importance_sampling_finds_the_likelihood_and_the_elbo_stays_below():
    torch.manual_seed(0)
    method = vae.VAE(vae.Config(z_dim=1, hidden=(8,)), SPEC)
    for parameter in method.decoder.parameters():
        parameter.mul_(3)
    x = torch.bernoulli(torch.full((6, 64), 0.3))
    exact = exact_log_likelihood(method, x)
    generator = torch.Generator().manual_seed(0)
    estimate = method.log_likelihood(x, generator, n_importance=20_000)
    assert torch.allclose(estimate, exact, atol=0.05)
    bounds = torch.stack([method.elbo(x, generator) for _ in range(500)]).mean(0)
    assert (bounds < exact).all()


def test_learning_rate_falls_along_a_half_cosine():
    method = vae.VAE(vae.Config(z_dim=2, hidden=(4,), lr=1.0, lr_final=0.2, lr_steps=100), SPEC)
    assert [round(method.learning_rate(s), 6) for s in (0, 50, 100, 999)] == [1.0, 0.6, 0.2, 0.2]


def test_beta_weighs_the_kl():
    losses = {}
    for beta in (1.0, 4.0):
        torch.manual_seed(0)
        method = vae.VAE(vae.Config(z_dim=2, hidden=(4,), beta=beta), SPEC)
        torch.manual_seed(1)
        x = torch.rand(16, 1, 8, 8) * 2 - 1

        def keep(loss, optimizer, lr, beta=beta):
            losses[beta] = loss.item()

        stats = method.training_step(Batch(x), 0, keep)
    assert losses[4.0] - losses[1.0] == pytest.approx(3 * stats["kl"].item(), rel=1e-5)
