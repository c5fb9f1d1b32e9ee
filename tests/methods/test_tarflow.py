"""TarFlow: a triangular Jacobian, the way back, and samples that are guided and denoised."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from cases import spec_of

from imggen.methods import Batch, HasLikelihood
from imggen.methods.tarflow import Config, Sampler, TarFlow

SHAPE, TOKENS, SIZE = (1, 8, 8), 4, 16


def tarflow(*, trained: bool = True, **settings) -> TarFlow:
    """A small flow; `trained` moves its last layers away from 0."""
    torch.manual_seed(0)
    method = TarFlow(dataclasses.replace(Config.tiny(), **settings), spec_of(SHAPE)).eval()
    for name, parameter in method.named_parameters():
        if trained and ".last." in name:
            torch.nn.init.normal_(parameter, std=0.1)
    return method


def images(n: int = 3) -> torch.Tensor:
    return torch.rand(n, *SHAPE, generator=torch.Generator().manual_seed(1)) * 2 - 1


def jacobian(method: TarFlow, x: torch.Tensor, y: torch.Tensor | None) -> torch.Tensor:
    """Of all latents by all pixels (64, 64), at one image."""
    found = torch.autograd.functional.jacobian(lambda at: method.flow(at, y)[0], x)
    return found.reshape(64, 64)


@pytest.mark.parametrize("conditional", [False, True])
def test_the_log_determinant_is_that_of_the_jacobian(conditional):
    method = tarflow(conditional=conditional).double()
    y = torch.tensor([3]) if conditional else None
    x = images(1).double()
    logdet = method.flow(x, y)[1].item()
    assert logdet == pytest.approx(torch.linalg.slogdet(jacobian(method, x, y))[1].item(), abs=1e-8)
    assert abs(logdet) > 0.1


@pytest.mark.parametrize("flip", [False, True])
def test_a_block_is_triangular_and_leaves_the_first_patch(flip):
    block = tarflow().double().flow.blocks[int(flip)]
    x = images(1).double().reshape(1, TOKENS, SIZE)
    y = torch.tensor([3])
    found = torch.autograd.functional.jacobian(lambda at: block(at, y)[0], x)[0, :, :, 0]
    alpha = block(x, y)[1][0]
    order = range(TOKENS)[:: -1 if flip else 1]
    for i, at in enumerate(order):
        for j, other in enumerate(order):
            part = found[at, :, other]
            if i == j:
                assert torch.allclose(part, torch.diag((-alpha[i]).exp()))
            elif i < j:
                assert not part.any(), "a patch sees a later one"
            else:
                assert part.any(), "a patch does not see an earlier one"
    assert not alpha[0].any() and alpha[1:].all(dim=1).all()
    assert torch.equal(block(x, y)[0][0, order[0]], x[0, order[0]])


@pytest.mark.parametrize("conditional", [False, True])
@torch.no_grad()
def test_what_is_mapped_comes_back(conditional):
    method = tarflow(conditional=conditional, noise=0.0)
    y = torch.tensor([3, 0, 9]) if conditional else None
    x = images()
    z = method.flow(x, y)[0]
    assert (z - x.flatten(1)).abs().max() > 0.1
    assert torch.allclose(method.flow(z, y, inverse=True)[0], x, atol=1e-4)
    z = torch.randn(3, 64)
    assert torch.allclose(method.flow(method.flow(z, y, inverse=True)[0], y)[0], z, atol=1e-4)


@torch.no_grad()
def test_what_is_encoded_decodes_to_the_same_grey_levels():
    method = tarflow(conditional=False, noise=0.0)
    levels = ((images() + 1) * 127.5).round() / 127.5 - 1
    assert torch.allclose(method.sample(method.encode(levels)), levels, atol=1e-4)


def test_at_first_it_is_the_identity_and_the_loss_half_a_square():
    method, lost = tarflow(trained=False, noise=0.1), []
    batch = Batch(images(64), torch.zeros(64, dtype=torch.int64))
    torch.manual_seed(5)
    noisy = batch.x + 0.1 * torch.randn_like(batch.x)
    torch.manual_seed(5)
    method.training_step(batch, 0, lambda loss, optimizer, lr=None: lost.append(loss.item()))
    assert lost[0] == pytest.approx(0.5 * noisy.square().mean().item(), rel=1e-5)


@torch.no_grad()
def test_an_identity_has_the_bits_of_the_standard_normal():
    """Of grey levels 2/256 apart, and with labels the same: they say nothing yet."""
    method = tarflow(trained=False, noise=0.0)
    x = torch.full((4, *SHAPE), 1.0)  # level 255, on average at 1 - 1/256
    bits = method.likelihood(x, torch.Generator().manual_seed(0))["bits_per_dim"]
    expected = (0.5 * math.log(2 * math.pi) + 0.5 * (1 - 1 / 256) ** 2 - math.log(2 / 256)) / (
        math.log(2)
    )
    assert torch.allclose(bits, torch.full((4,), expected), atol=1e-3)


@torch.no_grad()
def test_the_likelihood_of_a_conditional_flow_is_the_mean_over_labels():
    method = tarflow(noise=0.0)
    x = images()
    found = method.likelihood(x, torch.Generator().manual_seed(0))["bits_per_dim"]
    noise = torch.rand(x.shape, generator=torch.Generator().manual_seed(0))
    at = (((x + 1) * 127.5).round() + noise) / 128 - 1
    labels = [torch.full((3,), label) for label in range(10)]
    each = torch.stack([method.log_density(at, y).double() for y in labels])
    assert each.std(dim=0).min() > 0.1, "labels say something"
    expected = -(each.exp().mean(dim=0).log() + 64 * math.log(2 / 256)) / (64 * math.log(2))
    assert torch.allclose(found.double(), expected, atol=1e-5)


def test_gaussian_noise_leaves_no_likelihood_of_grey_levels():
    method = tarflow(noise=0.1)
    assert isinstance(method, HasLikelihood)
    assert method.likelihood(images(), torch.Generator()) == {}


def test_denoising_is_right_for_a_gaussian():
    """The identity says that y is N(0, I): the best guess of the image is (1 - σ²) y."""
    method = tarflow(trained=False, noise=0.4, conditional=False)
    z = torch.randn(5, 64, generator=torch.Generator().manual_seed(2)) / 5
    with torch.inference_mode():
        clean, raw = (method.sample(z, None, Sampler(denoise=on)) for on in (True, False))
    assert raw.abs().max() > 0.3
    assert torch.allclose(clean, (1 - 0.4**2) * raw, atol=1e-6)
    assert not clean.requires_grad


@torch.no_grad()
def test_guidance_grows_with_the_patch_and_is_of_mean_and_scale():
    """One block, against the formula, patch by patch."""
    method, scale = tarflow(blocks=1, noise=0.1), 2.5
    block, y = method.flow.blocks[0], torch.tensor([3, 5])
    z = torch.randn(2, 64, generator=torch.Generator().manual_seed(2))
    found = method.flow(z, y, inverse=True, guidance=scale)[0]
    patches = torch.nn.functional.pixel_unshuffle(found, 4).flatten(2).transpose(1, 2)
    none = torch.full_like(y, 10)
    for i, target in enumerate(z.view(2, TOKENS, SIZE).unbind(1)):
        both = [block(patches, labels) for labels in (y, none)]
        alphas = [alpha[:, i] for _, alpha in both]
        means = [patches[:, i] - out[:, i] * alpha[:, i].exp() for out, alpha in both]
        s = 1 + (scale - 1) * i / (TOKENS - 1)
        mu, alpha = (b + s * (a - b) for a, b in (means, alphas))
        assert torch.allclose(target * alpha.exp() + mu, patches[:, i], atol=1e-4)
    assert not torch.allclose(found, method.flow(z, y, inverse=True)[0], atol=1e-2)


def test_guidance_needs_labels_of_which_some_were_left_out():
    z, y = torch.zeros(1, 64), torch.tensor([1])
    for method in (tarflow(conditional=False), tarflow(label_dropout=0.0)):
        with pytest.raises(ValueError, match="guidance is 2"):
            method.sample(z, y, Sampler(guidance=2.0))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"patch": 3}, "patch is 3, and must divide both sides of 8x8"),
        ({"patch": 8}, "patch is 8, and one alone has none before it"),
        ({"heads": 3}, "width is 8, and must be a multiple of 3 heads"),
        ({"noise": -0.1}, "noise is -0.1"),
        ({"scale_bound": 0.0}, "scale_bound is 0.0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        tarflow(**settings)
