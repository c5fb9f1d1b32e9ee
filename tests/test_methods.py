"""The contract that every paper keeps, and what each paper's equations say."""

from __future__ import annotations

import importlib
import inspect
import math
import pkgutil

import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli, Normal, kl_divergence

import imggen.methods
from imggen.methods import Batch, dcgan, vae

SHAPE = (1, 8, 8)
MODULES = [
    importlib.import_module(f"imggen.methods.{module.name}")
    for module in pkgutil.iter_modules(imggen.methods.__path__)
]


def method_class(module):
    """The one class with a training_step that the module defines."""
    found = [
        value
        for _, value in inspect.getmembers(module, inspect.isclass)
        if value.__module__ == module.__name__ and hasattr(value, "training_step")
    ]
    assert len(found) == 1
    return found[0]


def build(module, shape=SHAPE):
    torch.manual_seed(0)
    return method_class(module)(module.Config.tiny(), shape)


def plain_minimize(loss, optimizer):
    optimizer.zero_grad()
    loss.backward(inputs=[p for group in optimizer.param_groups for p in group["params"]])
    optimizer.step()


def batch_of(n=16, shape=SHAPE):
    generator = torch.Generator().manual_seed(1)
    return Batch(torch.rand(n, *shape, generator=generator) * 2 - 1, torch.arange(n) % 10)


@pytest.mark.parametrize("module", MODULES, ids=lambda m: m.__name__.rsplit(".", 1)[1])
class TestContract:
    def test_docstring_names_paper_objective_and_departures(self, module):
        doc = module.__doc__ or ""
        assert "arxiv.org/abs/" in doc
        assert "$$" in doc
        assert "## Departures from the paper" in doc

    def test_every_config_field_says_what_it_is(self, module):
        source = inspect.getsource(module.Config)
        for name in module.Config.__dataclass_fields__:
            after = source.split(f"    {name}:", 1)[1].split("\n", 2)[1]
            assert after.strip().startswith('"""'), name

    @pytest.mark.parametrize("shape", [(1, 8, 8), (3, 28, 28), (1, 32, 32)])
    def test_samples_have_the_images_shape_and_range(self, module, shape):
        method = build(module, shape).eval()
        z = method.latents(5, torch.Generator().manual_seed(0))
        assert z.shape == (5, method.config.z_dim)
        x = method.sample(z)
        assert x.shape == (5, *shape)
        assert x.min() >= -1 and x.max() <= 1

    def test_latents_depend_on_their_generator_alone(self, module):
        method = build(module)
        torch.manual_seed(1)
        a = method.latents(4, torch.Generator().manual_seed(3))
        torch.manual_seed(2)
        assert torch.equal(a, method.latents(4, torch.Generator().manual_seed(3)))

    def test_each_loss_moves_only_its_own_parameters(self, module):
        method = build(module)
        owner = {
            id(p): name
            for name, optimizer in method.optimizers.items()
            for group in optimizer.param_groups
            for p in group["params"]
        }
        assert set(owner) == {id(p) for p in method.parameters()}

        def minimize(loss, optimizer):
            before = [p.detach().clone() for p in method.parameters()]
            plain_minimize(loss, optimizer)
            for old, p in zip(before, method.parameters(), strict=True):
                if method.optimizers[owner[id(p)]] is optimizer:
                    assert not torch.equal(old, p)
                else:
                    assert torch.equal(old, p)

        method.training_step(batch_of(), 0, minimize)

    def test_statistics_are_finite_scalars_and_all_drawn(self, module):
        method = build(module)
        for step in range(20):
            stats = method.training_step(batch_of(), step, plain_minimize)
            assert all(value.ndim == 0 and value.isfinite() for value in stats.values())
        assert set(stats) == {name for names in method.panels.values() for name in names}

    def test_published_state_is_enough_to_sample(self, module):
        method, other = build(module).eval(), build(module).eval()
        method.training_step(batch_of(), 0, plain_minimize)
        missing = other.load_state_dict(method.published_state(), strict=False)
        assert not missing.unexpected_keys
        z = method.latents(3, torch.Generator().manual_seed(0))
        assert torch.equal(method.sample(z), other.sample(z))


def test_pyramid_doubles_from_four_pixels():
    assert dcgan.pyramid(64) == [4, 8, 16, 32, 64]
    assert dcgan.pyramid(28) == [4, 7, 14, 28]
    with pytest.raises(ValueError, match="too small"):
        dcgan.pyramid(6)


def test_dcgan_follows_the_papers_rules():
    method = dcgan.DCGAN(dcgan.Config(), (1, 28, 28))
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
    method = dcgan.DCGAN(dcgan.Config.tiny(), SHAPE)
    nn.init.zeros_(method.D.layers[-2].weight)
    stats = method.training_step(batch_of(), 0, lambda loss, optimizer: None)
    assert stats["loss_D"].item() == pytest.approx(2 * math.log(2))
    assert stats["loss_G"].item() == pytest.approx(math.log(2))
    assert stats["D_real"].item() == stats["D_fake"].item() == 0.5


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
    method = vae.VAE(vae.Config(z_dim=1, hidden=(8,)), SHAPE)
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
    method = vae.VAE(vae.Config(z_dim=2, hidden=(4,), lr=1.0, lr_final=0.2, lr_steps=100), SHAPE)
    assert [round(method.learning_rate(s), 6) for s in (0, 50, 100, 999)] == [1.0, 0.6, 0.2, 0.2]


def test_beta_weighs_the_kl():
    losses = {}
    for beta in (1.0, 4.0):
        torch.manual_seed(0)
        method = vae.VAE(vae.Config(z_dim=2, hidden=(4,), beta=beta), SHAPE)
        torch.manual_seed(1)
        stats = method.training_step(
            batch_of(), 0, lambda loss, optimizer, b=beta: losses.__setitem__(b, loss.item())
        )
    assert losses[4.0] - losses[1.0] == pytest.approx(3 * stats["kl"].item(), rel=1e-5)
