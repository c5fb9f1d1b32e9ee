"""Image GPT: an exact likelihood, held against all images that there are."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from cases import CASES, batch_for
from test_contract import plain_minimize, trained_on_digits

from imggen.methods import Completes, HasLikelihood, Spec
from imggen.methods.igpt import Config, ImageGPT, Sampler
from imggen.methods.vae import VAE
from imggen.runs.cost import network_passes


def gpt(shape=(1, 8, 8), classes=0, **settings) -> ImageGPT:
    torch.manual_seed(0)
    method = ImageGPT(dataclasses.replace(Config.tiny(), **settings), Spec(shape, classes)).eval()
    with torch.no_grad():
        for parameter in method.parameters():
            parameter.mul_(2)  # far from uniform, or tests say little
    return method


def binary(n: int, shape=(1, 8, 8)) -> torch.Tensor:
    return torch.rand(n, *shape, generator=torch.Generator().manual_seed(1)).round()


@pytest.mark.parametrize(
    ("shape", "patch"),
    [((1, 8, 8), (2, 2)), ((1, 6, 9), (3, 3)), ((3, 4, 6), (2, 2)), ((1, 6, 8), (2, 4))],
)
def test_tokens_are_patterns_of_patches_and_give_the_image_back(shape, patch):
    method, x = gpt(shape, patch=patch), binary(5, shape)
    tokens = method.tokens(x)
    assert tokens.shape == (5, shape[1] * shape[2] // (patch[0] * patch[1]))
    assert torch.equal(method.images(tokens), 2 * x - 1)
    assert method.network.symbols == 2 ** (shape[0] * patch[0] * patch[1])
    # The second token is the second patch of the first row.
    other = x.clone()
    second = (slice(None), slice(None), slice(patch[0]), slice(patch[1], 2 * patch[1]))
    other[second] = 1 - other[second]
    changed = (method.tokens(other) != tokens).any(dim=0)
    assert changed.nonzero().flatten().tolist() == [1]


@torch.no_grad()
@pytest.mark.parametrize("patch", [(1, 1), (2, 2), (1, 3), (2, 3)])
def test_probabilities_of_all_images_sum_to_1(patch):
    """Each of the 2^12 images of 2 x 6 pixels."""
    method = gpt((1, 2, 6), patch=patch)
    every = (torch.arange(4096)[:, None] >> torch.arange(12) & 1).float().view(-1, 1, 2, 6)
    log_p = method.log_likelihood(every)
    assert log_p.exp().sum().item() == pytest.approx(1.0, abs=1e-4)
    assert log_p.max() - log_p.min() > 2


@torch.no_grad()
def test_symbols_of_each_place_have_probability_1_together():
    """Their sum, symbol after symbol put into the place: a place that saw itself would differ."""
    method = gpt()
    tokens = method.tokens(binary(1)).expand(16, -1).clone()
    for place in range(method.length):
        tried = tokens.clone()
        tried[:, place] = torch.arange(16)
        p = method.network.log_prob(tried)[:, place].exp()
        assert p.sum().item() == pytest.approx(1.0, abs=1e-5)


@torch.no_grad()
def test_a_changed_patch_changes_no_factor_before_it():
    method = gpt()
    tokens = method.tokens(binary(1))
    before = method.network.log_prob(tokens)
    for place in range(method.length):
        other = tokens.clone()
        other[:, place] = (other[:, place] + 5) % 16
        same = (method.network.log_prob(other) - before)[0].abs() < 1e-6
        assert same[:place].all() and not same[place:].all()


@torch.no_grad()
def test_draws_are_the_images_that_their_uniforms_stand_for():
    """Each uniform lies in the interval that the model gives to the token that it drew."""
    method = gpt()
    z = method.latents(40, torch.Generator().manual_seed(0))
    x = method.sample(z)
    assert set(x.unique().tolist()) == {-1.0, 1.0}
    assert torch.equal(method.sample(z[7:9]), x[7:9])
    tokens = method.tokens((x + 1) / 2)
    given = torch.cat([torch.full_like(tokens[:, :1], 16), tokens[:, :-1]], dim=1)
    p = method.network(given).softmax(dim=2)
    upper = p.cumsum(dim=2).gather(2, tokens[..., None])[..., 0]
    mass = p.gather(2, tokens[..., None])[..., 0]
    assert (z < upper + 1e-5).all() and (z > upper - mass - 1e-5).all()
    assert torch.allclose(mass.log().sum(dim=1), method.log_likelihood((x + 1) / 2), atol=1e-3)


@torch.no_grad()
def test_the_mean_of_the_draws_nll_is_the_models_entropy():
    method = gpt((1, 2, 6))
    every = (torch.arange(4096)[:, None] >> torch.arange(12) & 1).float().view(-1, 1, 2, 6)
    log_p = method.log_likelihood(every)
    entropy = -(log_p.exp() * log_p).sum().item()
    drawn = method.sample(method.latents(8000, torch.Generator().manual_seed(0)))
    nll = -method.log_likelihood((drawn + 1) / 2)
    assert nll.mean().item() == pytest.approx(entropy, abs=4 * nll.std().item() / math.sqrt(8000))


@torch.no_grad()
def test_every_paper_scores_the_same_binary_digits():
    method, x, seen = gpt(), batch_for(gpt()).x, {}
    vae = CASES["vae"].build(Spec((1, 8, 8)))
    assert isinstance(method, HasLikelihood) and isinstance(vae, VAE)
    method.log_likelihood = lambda binary: seen.setdefault("gpt", binary).sum((1, 2, 3))
    vae.elbo = lambda binary, _: seen.setdefault("vae", binary).sum(1)
    method.likelihood(x, torch.Generator().manual_seed(3))
    vae.likelihood(x, torch.Generator().manual_seed(3))
    assert torch.equal(seen["gpt"].flatten(1), seen["vae"])


@torch.no_grad()
def test_a_label_left_out_is_what_the_likelihood_is_taken_without():
    method, x = gpt(classes=3, conditional=True), binary(4)
    none = method.network.log_prob(method.tokens(x), torch.full((4,), 3)).sum(dim=1)
    assert torch.equal(method.log_likelihood(x), none)
    one = method.network.log_prob(method.tokens(x), torch.full((4,), 1)).sum(dim=1)
    assert (one - none).abs().min() > 1e-3


@torch.no_grad()
def test_a_completed_image_keeps_its_rows_and_the_rest_follows_from_them():
    method = gpt()
    assert isinstance(method, Completes)
    x, z = 2 * binary(6) - 1, method.latents(6, torch.Generator().manual_seed(0))
    done = method.complete(x * 0.3, 4, z)
    assert torch.equal(done[:, :, :4], x[:, :, :4])
    assert not torch.equal(done[:, :, 4:], method.complete(-x, 4, z)[:, :, 4:])
    assert torch.equal(method.complete(x, 8, z), x)
    free = method.sample(z)
    assert torch.equal(method.complete(x, 0, z), free)
    assert torch.equal(method.complete(free, 4, z), free)
    for rows in (3, -2, 10):
        with pytest.raises(
            ValueError, match=f"rows is {rows}, and must be a multiple of 2 up to 8"
        ):
            method.complete(x, rows, z)


def test_an_image_costs_one_pass_of_one_token_for_each_of_its_tokens():
    method = gpt(classes=10, conditional=True)
    assert network_passes(trained_on_digits(method)) == 16
    assert network_passes(trained_on_digits(method, Sampler(guidance=2.0))) == 32


def test_the_loss_is_in_nats_of_an_image():
    method, batch = gpt(), batch_for(gpt())
    batch = batch._replace(x=batch.x.sign())
    found = method.training_step(batch, 0, lambda *_, **__: None)["nll"].item()
    expected = -method.log_likelihood((batch.x + 1) / 2).mean().item()
    assert found == pytest.approx(expected, rel=1e-5)


def test_the_frequencies_of_patches_are_learnt():
    """Of images whose pixels are white with probability .1 each, no less than the entropy."""
    method = gpt(lr=5e-3, warmup=20, lr_steps=200)
    grey = batch_for(method, 64)._replace(x=torch.full((64, 1, 8, 8), -0.8))
    for step in range(200):
        torch.manual_seed(step)
        method.training_step(grey, step, plain_minimize)
    p = torch.full((2000, 1, 8, 8), 0.1)
    x = torch.bernoulli(p, generator=torch.Generator().manual_seed(0))
    exact = -torch.where(x == 1, p, 1 - p).log().sum((1, 2, 3))
    with torch.no_grad():
        excess = (-method.log_likelihood(x) - exact).mean().item()
    assert 0 < excess < 0.05 * exact.mean().item()


@torch.no_grad()
def test_what_it_cannot_serve_is_refused():
    method = gpt()
    z = method.latents(2, torch.Generator())
    with pytest.raises(ValueError, match="black or white"):
        method.log_likelihood(torch.full((1, 1, 8, 8), 0.5))
    with pytest.raises(ValueError, match="temperature is 0"):
        method.sample(z, sampler=Sampler(temperature=0.0))
    with pytest.raises(ValueError, match="guidance is 2"):
        method.sample(z, sampler=Sampler(guidance=2.0))
    with pytest.raises(ValueError, match="a patch of 2 rows of 3 pixels must divide"):
        gpt(patch=(2, 3))
    with pytest.raises(ValueError, match=r"2\^16 symbols"):
        gpt(patch=(4, 4))
    with pytest.raises(ValueError, match="needs labels"):
        gpt(conditional=True)
