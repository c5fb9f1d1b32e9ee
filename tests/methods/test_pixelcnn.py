"""Gated PixelCNN: what each pixel sees, that probabilities sum to 1, and how one draws."""

from __future__ import annotations

import dataclasses
import itertools
import math

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from imggen.methods import Batch, Completes, HasLikelihood, Spec
from imggen.methods.pixelcnn import Config, PixelCNN, Sampler
from imggen.methods.vae import VAE
from imggen.methods.vae import Config as VAEConfig
from imggen.runs.cost import network_passes
from imggen.runs.sampling import Trained


def pixelcnn(side: int = 8, std: float = 0.5, **settings) -> PixelCNN:
    """A small one with weights of some size, so that each pixel depends on many."""
    torch.manual_seed(0)
    config = dataclasses.replace(
        Config.tiny(), **{"width": 8, "head": 8, "first_kernel": 3, **settings}
    )
    method = PixelCNN(config, Spec((1, side, side))).eval()
    for parameter in method.parameters():
        nn.init.normal_(parameter, std=std)
    return method


def coins(*shape: int) -> torch.Tensor:
    return torch.bernoulli(torch.full(shape, 0.5), generator=torch.Generator().manual_seed(1))


def seen(method: PixelCNN, side: int) -> torch.Tensor:
    """Whether the logit at each pixel changes with each pixel of the image: (pixels, pixels)."""
    method = method.double()
    torch.manual_seed(2)
    slopes = torch.zeros(side**2, side**2, dtype=torch.float64)
    for _ in range(3):  # a slope may be 0 by chance, behind a ReLU
        x = torch.rand(1, 1, side, side, dtype=torch.float64, requires_grad=True)
        v = h = x
        for layer in method.layers:
            v, h = layer(v, h)
        logits = method.head(h).flatten()
        slopes += torch.stack(
            [torch.autograd.grad(one, x, retain_graph=True)[0].abs().flatten() for one in logits]
        )
    return slopes > 0


REACHING = [
    {"first_kernel": 7, "dilations": (1,) * 6},
    {"first_kernel": 7, "dilations": (1, 2, 1, 2)},
]


@pytest.mark.parametrize("settings", REACHING)
def test_each_pixel_sees_all_before_it_and_none_after(settings):
    """Six pixels a side: nothing is out of reach, so a blind spot would show."""
    earlier = torch.ones(36, 36, dtype=torch.bool).tril(-1)
    assert torch.equal(seen(pixelcnn(6, **settings), 6), earlier)


def test_a_small_stack_sees_no_farther_than_its_kernels():
    """3 x 3 and 3 x 3: two rows above, two columns to each side, two to the left."""
    found = seen(pixelcnn(7), 7).view(7, 7, 7, 7)[4, 3]
    assert found.int().tolist() == [
        [0] * 7,
        [0] * 7,
        [0, 1, 1, 1, 1, 1, 0],
        [0, 1, 1, 1, 1, 1, 0],
        [0, 1, 1, 0, 0, 0, 0],
        *[[0] * 7] * 2,
    ]


@torch.no_grad()
def test_probabilities_of_all_images_sum_to_1():
    method = pixelcnn(3, std=0.8)
    x = torch.tensor(list(itertools.product((0.0, 1.0), repeat=9))).view(512, 1, 3, 3)
    log_p = method.log_likelihood(x).double()
    assert log_p.std() > 0.5, "and are far from all alike"
    assert torch.logsumexp(log_p, dim=0).exp().item() == pytest.approx(1, abs=1e-5)


@torch.no_grad()
def test_what_is_drawn_has_the_logits_of_a_whole_pass():
    for settings in ({}, {"dilations": (1, 2, 3)}):
        method = pixelcnn(**settings)
        z = method.latents(6, torch.Generator().manual_seed(0)).view(6, 8, 8)
        x, logits = method.draw_pixels(z, z.new_zeros(6, 0, 8), 1.0)
        assert logits.std() > 0.3
        assert torch.allclose(logits, method.logits(x[:, None])[:, 0], atol=1e-5)
        p = logits.sigmoid()
        accumulated = torch.where(x == 1, p, 1 - p).log().sum(dim=(1, 2))
        assert torch.allclose(accumulated, method.log_likelihood(x[:, None]), atol=1e-3)
        assert torch.equal(x, (z < p).float())


@torch.no_grad()
def test_images_are_drawn_as_often_as_they_are_probable():
    method = pixelcnn(2, std=0.8)
    n = 20_000
    drawn = method.sample(method.latents(n, torch.Generator().manual_seed(0))).flatten(1) > 0
    counts = torch.bincount((drawn * torch.tensor([8, 4, 2, 1])).sum(dim=1), minlength=16)
    x = torch.tensor(list(itertools.product((0.0, 1.0), repeat=4))).view(16, 1, 2, 2)
    p = method.log_likelihood(x).exp()
    assert ((counts / n - p).abs() < 4 * (p * (1 - p) / n).sqrt()).all()


def test_a_sample_is_a_function_of_its_uniforms():
    method = pixelcnn()
    z = method.latents(3, torch.Generator().manual_seed(0))
    together = method.sample(z)
    assert set(together.unique().tolist()) == {-1.0, 1.0}
    assert torch.equal(together, torch.cat([method.sample(one[None]) for one in z]))
    assert not torch.equal(together[0], together[1])


def test_one_asks_the_network_once_a_pixel():
    assert network_passes(Trained(pixelcnn())) == 64


def test_all_pixels_together_cost_no_more_than_one_pass():
    method = pixelcnn()
    z = method.latents(1, torch.Generator().manual_seed(0))
    with FlopCounterMode(display=False) as drawn:
        method.sample(z)
    with FlopCounterMode(display=False) as passed:
        method.logits(torch.zeros(1, 1, 8, 8))
    assert 0 < drawn.get_total_flops() <= passed.get_total_flops()


@torch.no_grad()
def test_temperature_divides_the_logits():
    method = pixelcnn()
    z = method.latents(4, torch.Generator().manual_seed(0)).view(4, 8, 8)
    x, logits = method.draw_pixels(z, z.new_zeros(4, 0, 8), 0.5)
    assert torch.equal(x, (z < (2 * logits).sigmoid()).float())
    greedy = method.sample(z.flatten(1), None, Sampler(temperature=1e-6))
    assert len(greedy.unique(dim=0)) == 1, "what is most probable, whatever the uniforms"
    for senseless in (0.0, -1.0, math.nan):
        with pytest.raises(ValueError, match=f"temperature is {senseless}, and must be a num"):
            method.sample(z.flatten(1), None, Sampler(temperature=senseless))


@torch.no_grad()
def test_a_completed_image_keeps_its_rows_and_goes_on_from_them():
    method = pixelcnn()
    assert isinstance(method, Completes)
    z = method.latents(4, torch.Generator().manual_seed(0))
    x = torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(3)) * 2 - 1
    for rows in (0, 3, 8):
        made = method.complete(x, rows, z)
        assert torch.equal(made[:, :, :rows], x[:, :, :rows].sign())
        p = method.logits((made + 1) / 2).sigmoid()
        expected = (z.view(4, 1, 8, 8) < p).float() * 2 - 1
        assert torch.equal(made[:, :, rows:], expected[:, :, rows:])
    whole = method.sample(z)
    assert torch.equal(method.complete(x, 0, z), whole)
    assert torch.equal(method.complete(whole, 5, z), whole), "its own rows lead to itself"
    for rows in (-1, 9):
        with pytest.raises(ValueError, match=f"{rows} rows are given, of images of 8"):
            method.complete(x, rows, z)


@torch.no_grad()
def test_the_likelihood_is_of_the_same_binary_images_as_the_vaes(monkeypatch):
    method = pixelcnn()
    assert isinstance(method, HasLikelihood) and method.likelihood_note.endswith("exact")
    x, scored = torch.rand(7, 1, 8, 8) * 2 - 1, []
    other = VAE(VAEConfig.tiny(), Spec((1, 8, 8)))
    monkeypatch.setattr(other, "elbo", lambda part, generator: scored.append(part) or part[:, 0])
    other.likelihood(x, torch.Generator().manual_seed(5))
    found = method.likelihood(x, torch.Generator().manual_seed(5))["nll_nats"]
    binary = torch.cat(scored).view(7, 1, 8, 8)
    assert torch.allclose(found, -method.log_likelihood(binary), atol=1e-4)
    assert not torch.allclose(found, -method.log_likelihood(binary.flip(0)), atol=1e-1)


def test_the_loss_is_the_nats_of_freshly_drawn_pixels():
    method, seen = pixelcnn(), []
    batch = Batch(torch.rand(5, 1, 8, 8) * 2 - 1)
    torch.manual_seed(4)
    stats = method.training_step(batch, 0, lambda loss, optimizer, lr: seen.append(loss))
    torch.manual_seed(4)
    expected = -method.log_likelihood(torch.bernoulli((batch.x + 1) / 2)).mean()
    assert seen[0].item() == pytest.approx(expected.item(), rel=1e-6)
    assert stats["nll"].item() == seen[0].item()


def test_a_network_of_zeros_is_a_coin_a_pixel():
    found = pixelcnn(std=0.0).log_likelihood(coins(3, 1, 8, 8))
    assert found.tolist() == pytest.approx([-64 * math.log(2)] * 3)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"kernel": 4}, "kernel is 4"),
        ({"first_kernel": 8}, "first_kernel is 8"),
        ({"kernel": 1}, "kernel is 1, where 3"),
    ],
)
def test_kernels_without_a_middle_are_refused(settings, says):
    with pytest.raises(ValueError, match=says):
        pixelcnn(**settings)


def test_colours_are_refused():
    with pytest.raises(ValueError, match="these have 3 channels"):
        PixelCNN(Config.tiny(), Spec((3, 8, 8)))
