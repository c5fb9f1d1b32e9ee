"""Glow: its log-determinant against autograd's, the way back, and bits that have closed forms."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from torch import nn

from imggen.methods import Batch, Spec
from imggen.methods.glow import Config, Glow, Sampler
from imggen.nn.couplings import Affine, Coupling, Mix
from imggen.nn.dequantisation import LOGIT_SCALE, bits_per_dim, dequantise, from_logits, logits


def glow(shape=(1, 8, 8), *, trained: bool = True, **settings) -> Glow:
    """A small flow; `trained` moves what starts at 0 away from it."""
    torch.manual_seed(0)
    settings = {"alpha": None, **settings}
    method = Glow(dataclasses.replace(Config.tiny(), **settings), Spec(shape)).eval()
    for parameter in method.parameters():
        if trained and not parameter.any():
            nn.init.normal_(parameter, std=0.1)
    return method


def images(shape=(1, 8, 8), n: int = 3) -> torch.Tensor:
    return torch.rand(n, *shape, generator=torch.Generator().manual_seed(1)) * 2 - 1


def grey_levels(n: int = 3) -> torch.Tensor:
    return ((images(n=n) + 1) * 127.5).round() / 127.5 - 1


@pytest.mark.parametrize(
    ("shape", "levels"), [((1, 4, 4), 1), ((1, 4, 4), 2), ((3, 4, 4), 2), ((1, 4, 8), 2)]
)
def test_the_log_determinant_is_that_of_the_jacobian(shape, levels):
    method = glow(shape, levels=levels, steps=2).double()
    x = images(shape, 1).double()
    found = torch.autograd.functional.jacobian(lambda at: method.flow(at)[0], x)
    size = math.prod(shape)
    logdet = method.flow(x)[1].item()
    expected = torch.linalg.slogdet(found.reshape(size, size))[1].item()
    assert logdet == pytest.approx(expected, abs=1e-8)
    assert abs(logdet) > 0.1


@pytest.mark.parametrize("part", [Mix(4), Coupling(2, 8, 4, 3, 5, 2.0), Affine(4, 3, 5)])
def test_each_part_undoes_itself_and_knows_its_determinant(part):
    part.double()
    for parameter in part.parameters():
        nn.init.normal_(parameter, std=0.5)
    x = torch.randn(1, 4, 3, 5, dtype=torch.float64)
    y, logdet = part(x)
    assert torch.allclose(part.inverse(y), x, atol=1e-8)
    found = torch.autograd.functional.jacobian(lambda at: part(at)[0], x).reshape(60, 60)
    assert torch.linalg.slogdet(found)[1].item() == pytest.approx(logdet.item(), abs=1e-8)


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 8, 4), (1, 28, 28)])
@torch.no_grad()
def test_what_is_mapped_comes_back(shape):
    method = glow(shape, steps=3)
    x = images(shape)
    assert torch.allclose(method.flow(method.flow(x)[0], inverse=True)[0], x, atol=1e-4)
    z = torch.randn(3, math.prod(shape))
    assert torch.allclose(method.flow(method.flow(z, inverse=True)[0])[0], z, atol=1e-4)


@torch.no_grad()
def test_what_is_encoded_decodes_to_the_same_grey_levels():
    method, x = glow(), grey_levels()
    assert method.encode(x).shape == method.latents(3, torch.Generator()).shape
    assert torch.allclose(method.sample(method.encode(x)), x, atol=1e-4)


@torch.no_grad()
def test_at_first_it_turns_channels_and_stretches_nothing():
    """A rotation keeps lengths, so the bits are those of the standard normal around grey."""
    method, x = glow(trained=False, steps=3), images()
    z, logdet = method.flow(x)
    assert torch.allclose(logdet, torch.zeros(3), atol=1e-4)
    assert torch.allclose(z.norm(dim=1), x.flatten(1).norm(dim=1), rtol=1e-5)
    white = torch.full((4, 1, 8, 8), 1.0)  # level 255, on average at 1 - 1/256
    bits = method.likelihood(white, torch.Generator().manual_seed(0))["bits_per_dim"]
    normal = 0.5 * math.log(2 * math.pi) + 0.5 * (1 - 1 / 256) ** 2
    expected = (normal - math.log(2 / 256)) / math.log(2)
    assert torch.allclose(bits, torch.full((4,), expected), atol=1e-3)


@pytest.mark.parametrize("alpha", [1e-6, 0.05])
def test_with_logits_the_log_determinant_is_that_of_both_maps(alpha):
    method = glow((1, 4, 4), levels=2, steps=2, alpha=alpha).double()
    x = 0.9 * images((1, 4, 4), 1).double()
    found = torch.autograd.functional.jacobian(lambda at: method.mapped(at)[0], x)
    expected = torch.linalg.slogdet(found.reshape(16, 16))[1].item()
    assert method.mapped(x)[1].item() == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("alpha", [None, 1e-6])
def test_the_loss_is_the_likelihood_that_is_published(alpha):
    method, x, lost = glow(alpha=alpha), images(), []
    torch.manual_seed(3)
    noise = torch.rand_like(x)
    torch.manual_seed(3)
    method.training_step(Batch(x), 0, lambda loss, optimizer, lr=None: lost.append(loss.item()))
    with torch.no_grad():
        at = (((x + 1) * 127.5).round() + noise) / 128 - 1
        bits = -(method.log_density(at) / 64 + math.log(2 / 256)) / math.log(2)
    assert lost[0] == pytest.approx(bits.mean().item(), rel=1e-5)


@torch.no_grad()
def test_the_density_sums_to_one():
    """Of images of four pixels, over a grid on which a Gaussian's sum is its integral."""
    method = glow((1, 2, 2), levels=1, steps=2)
    for name, parameter in method.named_parameters():
        if "rotation" not in name:
            parameter.mul_(0.5)  # none of the density beyond the grid or between its points
    edge = torch.linspace(-7, 7, 29)
    grid = torch.cartesian_prod(edge, edge, edge, edge).view(-1, 1, 2, 2)
    log_p = torch.cat([method.log_density(part) for part in grid.split(100_000)])
    assert log_p.double().exp().sum().item() * 0.5**4 == pytest.approx(1, abs=2e-3)


def test_logits_undo_themselves_and_know_their_determinant():
    x = torch.linspace(-1, 1, 16, dtype=torch.float64).view(1, 1, 4, 4)
    for alpha in (1e-6, 0.05):
        y, logdet = logits(x, alpha)
        assert torch.allclose(from_logits(y, alpha), x, atol=1e-10)
        slopes = torch.autograd.functional.jacobian(lambda at, a=alpha: logits(at, a)[0], x)
        assert torch.linalg.slogdet(slopes.reshape(16, 16))[1].item() == pytest.approx(
            logdet.item()
        )
        black = torch.full((1, 1, 1, 1), 1 / 256 - 1, dtype=torch.float64)
        assert logits(black, alpha)[0].item() == pytest.approx(0, abs=1e-9)


@torch.no_grad()
def test_a_logistic_density_of_logits_is_a_uniform_one_of_pixels():
    """With log-density log σ'(logit) the logits cancel: exactly 8 bits, whatever the image."""
    x = dequantise(grey_levels(), 0.3).double()
    y, logdet = logits(x, 1e-6)
    at = y / LOGIT_SCALE + logits(torch.zeros(1, 1, 1, 1).double(), 1e-6)[0].neg() / LOGIT_SCALE
    logistic = torch.nn.functional.logsigmoid(at) + torch.nn.functional.logsigmoid(-at)
    log_p = (logistic - math.log(LOGIT_SCALE)).flatten(1).sum(dim=1) + logdet
    assert torch.allclose(bits_per_dim(log_p, 64), torch.full((3,), 8.0).double(), atol=1e-4)


@torch.no_grad()
def test_with_logits_too_what_is_encoded_decodes_to_the_same_grey_levels():
    method, x = glow(alpha=1e-6), grey_levels()
    assert torch.allclose(method.sample(method.encode(x)), x, atol=1e-3)
    plain = glow(alpha=None)
    found = [m.likelihood(x, torch.Generator().manual_seed(0)) for m in (method, plain)]
    assert not torch.allclose(*(each["bits_per_dim"] for each in found), atol=0.1)
    with pytest.raises(ValueError, match="alpha is 0"):
        glow(alpha=0.0)


@torch.no_grad()
def test_temperature_scales_the_latents():
    method = glow()
    z = torch.randn(3, 64)
    assert torch.equal(method.sample(z, None, Sampler(0.5)), method.sample(0.5 * z))
    for temperature in (0.0, -1.0, math.nan):
        with pytest.raises(ValueError, match="temperature is"):
            method.sample(z, None, Sampler(temperature))


@torch.no_grad()
def test_log_scales_stay_within_their_bound():
    method = glow(scale_bound=0.5)
    for coupling in (part for part in method.flow.modules() if isinstance(part, Coupling)):
        log_scale, _ = coupling.numbers(1000 * torch.randn(2, *first_half(coupling)))
        assert 0.4 < log_scale.abs().max() <= 0.5


def first_half(coupling: Coupling) -> tuple[int, int, int]:
    """The shape of what a coupling reads, in images of 8x8 pixels."""
    convolution = next(part for part in coupling.modules() if isinstance(part, nn.Conv2d))
    channels = convolution.in_channels
    return (channels, 4, 4) if channels == 2 else (channels, 2, 2)


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"levels": 4}, "levels is 4, and 16 must divide both sides of 8x8"),
     ({"scale_bound": 0.0}, "scale_bound is 0.0, and must be a number above 0")],
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        glow(**settings)
