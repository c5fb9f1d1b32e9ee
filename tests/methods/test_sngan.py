"""SNGAN: spectral norms against SVD, a slope that can't exceed 1, projection, truncation."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from imggen.methods import Batch, Spec, sngan
from imggen.methods.sngan import SpectralNorm, spectral_norm, truncated

SPEC = Spec((1, 8, 8), classes=10)


@pytest.fixture
def method() -> sngan.SNGAN:
    torch.manual_seed(0)
    return sngan.SNGAN(sngan.Config.tiny(), SPEC)


@pytest.mark.parametrize("shape", [(12, 7), (8, 3, 4, 4)])
def test_the_power_iteration_finds_the_largest_singular_value(shape):
    torch.manual_seed(0)
    weight = torch.randn(shape)
    norm = SpectralNorm(weight)
    for _ in range(200):
        divided = norm(weight)
    largest = torch.linalg.svdvals(weight.flatten(1))[0]
    assert torch.allclose(divided, weight / largest, rtol=1e-4)


def test_the_iteration_stands_still_outside_of_training():
    torch.manual_seed(0)
    weight = torch.randn(6, 5)
    norm = SpectralNorm(weight).eval()
    u = norm.u.clone()
    assert torch.equal(norm(weight), norm(weight)) and torch.equal(norm.u, u)
    norm.train()(weight)
    assert not torch.equal(norm.u, u)


def test_the_gradient_flows_through_the_norm():
    """Eq. 9: it has no part along u vᵀ that would only make W longer: W · dL/dW = 0."""
    torch.manual_seed(0)
    layer = spectral_norm(nn.Linear(5, 4))
    for _ in range(200):
        layer(torch.randn(2, 5))
    layer(torch.randn(8, 5)).square().sum().backward()
    original = layer.parametrizations.weight.original
    assert (original * original.grad).sum().item() == pytest.approx(0, abs=1e-4)


def test_a_normalised_network_never_has_a_slope_above_one():
    torch.manual_seed(0)
    layers = nn.Sequential(
        spectral_norm(nn.Linear(6, 32)), nn.LeakyReLU(0.1), spectral_norm(nn.Linear(32, 1))
    )
    for _ in range(300):
        layers(torch.zeros(1, 6))
    a, b = torch.randn(2000, 6), torch.randn(2000, 6)
    ratio = (layers(a) - layers(b)).abs().squeeze(1) / (a - b).norm(dim=1)
    assert 0.05 < ratio.max().item() <= 1 + 1e-4


def test_every_weight_of_the_discriminator_is_normalised(method):
    layers = [m for m in method.D.modules() if isinstance(m, (nn.Conv2d, nn.Linear, nn.Embedding))]
    assert len(layers) == 4
    assert all(nn.utils.parametrize.is_parametrized(layer, "weight") for layer in layers)
    assert nn.utils.parametrize.is_parametrized(method.D.v), "the embedding too"


def test_two_labels_differ_by_an_inner_product(method):
    """D(x, y) - D(x, y') = <v_y - v_y', phi(x)>."""
    D, x = method.D.eval(), torch.rand(5, 1, 8, 8)
    y, other = torch.full((5,), 3), torch.full((5,), 8)
    v = D.v.weight
    expected = D.phi(x) @ (v[3] - v[8])
    assert torch.allclose(D(x, y) - D(x, other), expected, atol=1e-5)


def test_a_label_moves_scale_and_shift_of_the_generators_normalisation():
    norm = sngan.ConditionalNorm(3, classes=2)
    with torch.no_grad():
        norm.scale.weight[0], norm.scale.weight[1], norm.shift.weight[1] = 1.0, 2.0, 5.0
    x = torch.randn(64, 3, 4, 4)
    plain = nn.BatchNorm2d(3, affine=False)(x)
    y = torch.arange(64) % 2
    expected = torch.where(y.bool()[:, None, None, None], 2 * plain + 5, plain)
    assert torch.allclose(norm(x, y), expected, atol=1e-6)


@pytest.mark.parametrize("bound", [0.3, 1.0, 2.0])
def test_truncated_latents_have_the_truncated_variance(bound):
    """1 - 2 t pdf(t) / (2 cdf(t) - 1) for a bound t."""
    z = truncated(torch.randn(200_000, generator=torch.Generator().manual_seed(0)), bound)
    density = math.exp(-(bound**2) / 2) / math.sqrt(2 * math.pi)
    expected = 1 - 2 * bound * density / math.erf(bound / math.sqrt(2))
    assert z.abs().max() <= bound
    assert z.var().item() == pytest.approx(expected, rel=0.02)


def test_a_far_bound_changes_nothing_and_order_stays():
    z = torch.linspace(-5, 5, 101)
    assert torch.allclose(truncated(z, 12.0), z, atol=1e-5)
    assert (truncated(z, 0.5).diff() > 0).all()


def test_truncation_narrows_the_samples(method):
    method.eval()
    z, y = method.latents(64, torch.Generator().manual_seed(0)), torch.zeros(64, dtype=torch.int64)
    spreads = [method.sample(z, y, sngan.Sampler(t)).std(dim=0).mean() for t in (0.1, 1.0, None)]
    assert spreads[0] < spreads[1] < spreads[2]
    with pytest.raises(ValueError, match=r"truncation is 0\.0"):
        method.sample(z, y, sngan.Sampler(0.0))
    with pytest.raises(ValueError, match="only with them"):
        method.sample(z)


class Says(nn.Module):
    """D's values by the brightness of an image alone."""

    def forward(self, x: torch.Tensor, y: torch.Tensor | None) -> torch.Tensor:
        return 2 * x.flatten(1).mean(dim=1)


class Draws(nn.Module):
    """G's images, whatever is asked."""

    def __init__(self, images: torch.Tensor) -> None:
        super().__init__()
        self.images = images

    def forward(self, z: torch.Tensor, y: torch.Tensor | None) -> torch.Tensor:
        return self.images


def test_the_hinge_punishes_only_what_lies_beyond_it(method):
    """max(0, 1 - D) at real images, max(0, 1 + D) at generated ones; G's loss is -D."""
    method.D, asked = Says(), []

    def minimize(loss, optimizer, lr=None):
        asked.append((optimizer is method.opt_D, loss.item()))

    real = torch.tensor([1.0, 0.25, -0.5]).view(3, 1, 1, 1).expand(3, 1, 8, 8)
    fake = torch.tensor([-1.0, -0.25, 0.5]).view(3, 1, 1, 1).expand(3, 1, 8, 8)
    method.G = Draws(fake)
    method.training_step(Batch(real, torch.zeros(3, dtype=torch.int64)), 0, minimize)
    # D is 2, 0.5, -1 at real images and -2, -0.5, 1 at generated ones.
    assert asked[0] == (True, pytest.approx((0 + 0.5 + 2) / 3 * 2))
    assert asked[1] == (False, pytest.approx((2 + 0.5 - 1) / 3))


def test_without_projection_labels_are_not_used():
    method = sngan.SNGAN(sngan.Config(project=False, width=4), SPEC).eval()
    assert method.spec.classes == 0 and method.D.v is None
    assert method.sample(method.latents(2, torch.Generator().manual_seed(0))).shape == (2, 1, 8, 8)
