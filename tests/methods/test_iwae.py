"""IWAE: its bounds against quadrature, its gradient against the normalised weights."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Bernoulli, Normal

from imggen.methods import Batch, Spec, iwae, vae

SPEC = Spec((1, 4, 4))


def planar(k: int = 4) -> iwae.IWAE:
    """One latent, and a decoder that makes much of it."""
    torch.manual_seed(0)
    method = iwae.IWAE(iwae.Config(samples=k, z_dim=1, hidden=(8,)), SPEC)
    with torch.no_grad():
        for parameter in method.decoder.parameters():
            parameter.mul_(4)
    return method


def exact(method: iwae.IWAE, x: torch.Tensor) -> torch.Tensor:
    """log p(x) with one latent, by quadrature on a fine grid."""
    z = torch.linspace(-9, 9, 20_001)[:, None]
    log_joint = Bernoulli(logits=method.decoder(z)).log_prob(x[:, None]).sum(2)
    log_joint = log_joint + Normal(0.0, 1.0).log_prob(z[:, 0])
    return torch.logsumexp(log_joint, dim=1) + math.log(18 / 20_000)


def bounds(method: iwae.IWAE, x: torch.Tensor, k: int, times: int = 4000) -> torch.Tensor:
    """L_k per image, the mean of many estimates."""
    mu, logvar = method.posterior(x)
    noise = torch.randn(k, times, *mu.shape)
    log_w = method.log_weights(x, mu, logvar, noise.flatten(0, 1)).view(k, times, -1)
    return iwae.log_mean_weight(log_w).mean(0)


@torch.no_grad()
def test_the_bounds_rise_with_k_towards_the_likelihood():
    method, x = planar(), torch.bernoulli(torch.full((5, 16), 0.4))
    rising = torch.stack([bounds(method, x, k) for k in (1, 2, 5, 20)] + [exact(method, x)])
    assert (rising.diff(dim=0) > 0).all()
    mu, logvar = method.posterior(x)
    noise = torch.randn(50_000, *mu.shape)
    many = iwae.log_mean_weight(method.log_weights(x, mu, logvar, noise))
    assert torch.allclose(many, exact(method, x), atol=0.05)


@torch.no_grad()
def test_weights_are_the_ratio_of_the_three_densities():
    method, x = planar(), torch.bernoulli(torch.full((5, 16), 0.4))
    mu, logvar = method.posterior(x)
    noise = torch.randn(3, *mu.shape)
    std = (0.5 * logvar).exp()
    z = mu + std * noise
    expected = (
        Bernoulli(logits=method.decoder(z)).log_prob(x).sum(2)
        + Normal(0.0, 1.0).log_prob(z).sum(2)
        - Normal(mu, std).log_prob(z).sum(2)
    )
    assert torch.allclose(method.log_weights(x, mu, logvar, noise), expected, atol=1e-4)


def trained_gradient(method: torch.nn.Module, batch: Batch) -> tuple[torch.Tensor, dict]:
    """The decoder's last bias's gradient of one step, and the statistics."""
    found = {}

    def keep(loss, optimizer, lr=None):
        found["loss"] = loss.detach()
        found["gradient"] = torch.autograd.grad(loss, method.decoder[-1].bias)[0]

    torch.manual_seed(7)
    stats = method.training_step(batch, 0, keep)
    return found["gradient"], stats | {"loss": found["loss"]}


def test_one_latent_makes_it_the_vae_up_to_the_noise_of_the_kl():
    method = planar(1)
    other = vae.VAE(vae.Config(z_dim=1, hidden=(8,)), SPEC)
    other.load_state_dict(method.state_dict())
    batch = Batch(torch.rand(6, *SPEC.shape) * 2 - 1)
    gradient, stats = trained_gradient(method, batch)
    expected, its = trained_gradient(other, batch)
    # The decoder does not enter the KL: with the same draws its gradient is the same.
    assert torch.allclose(gradient, expected, atol=1e-5)
    assert stats["bound"] == stats["elbo"] == -stats["loss"]
    assert torch.allclose(stats["kl"], its["kl"], atol=1e-5)
    assert stats["effective_samples"] == 1


def test_each_latent_has_the_share_of_its_weight_in_the_gradient():
    method = planar(6)
    batch = Batch(torch.where(torch.rand(3, *SPEC.shape) > 0.5, 1.0, -1.0))  # binarising keeps it
    gradient, stats = trained_gradient(method, batch)
    x = (batch.x.flatten(1) + 1) / 2
    with torch.no_grad():
        torch.manual_seed(7)
        torch.bernoulli(x)
        mu, logvar = method.posterior(x)
        noise = torch.randn(6, *mu.shape)
        shares = method.log_weights(x, mu, logvar, noise).softmax(0)
        # d log p(x | z) / d bias = x - sigmoid(logits)
        slopes = x - method.decoder(mu + (0.5 * logvar).exp() * noise).sigmoid()
    expected = -(shares[..., None] * slopes).sum(0).mean(0)
    assert torch.allclose(gradient, expected, atol=1e-5)
    assert torch.allclose(stats["effective_samples"], (1 / (shares**2).sum(0)).mean(), atol=1e-4)
    assert 1 < stats["effective_samples"] < 6


@torch.no_grad()
def test_likelihood_scores_the_same_binary_digits_as_the_vae():
    method = planar()
    other = vae.VAE(vae.Config(z_dim=1, hidden=(8,)), SPEC)
    other.load_state_dict(method.state_dict())
    x = torch.rand(8, *SPEC.shape) * 2 - 1
    ours = method.likelihood(x, torch.Generator().manual_seed(3))
    theirs = other.likelihood(x, torch.Generator().manual_seed(3))
    # 1,000 latents each, of other draws: close, where other binary digits would be far off.
    assert torch.allclose(ours["nll_nats"], theirs["nll_nats"], atol=0.3)
    assert ours["nll_nats"].std() > 1
    assert set(ours) == {"nll_nats", "elbo_nats"}


def test_fewer_than_one_latent_is_refused():
    with pytest.raises(ValueError, match="samples is 0"):
        iwae.IWAE(iwae.Config(samples=0), SPEC)
