"""DDPM: its schedules, what is mixed, and the samplers between them."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from cases import batch_for, spec_of
from torch import nn

from imggen.methods.ddpm import DDPM, Config, Sampler, betas
from imggen.nn.solvers import ancestral

S = 0.25


def ddpm(**settings) -> DDPM:
    return DDPM(dataclasses.replace(Config.tiny(), **settings), spec_of())


class GaussianNoise(nn.Module):
    """The mean of the noise where images are N(0, S² I): sigma z / (alpha² S² + sigma²)."""

    def __init__(self, method: DDPM) -> None:
        super().__init__()
        self.alpha, self.sigma, self.T = method.alpha, method.sigma, method.config.levels

    def forward(self, z, t, y=None):
        at = (t[:, 0] * self.T).round().long()
        alpha, sigma = (of[at][:, None, None, None].to(z.dtype) for of in (self.alpha, self.sigma))
        return sigma * z / (alpha**2 * S**2 + sigma**2)


@pytest.mark.parametrize(
    ("schedule", "first", "kept"),
    [
        ("linear", 1e-4, (0.9999, 0.524085, 0.078587, 0.003351, 4.03583e-5)),
        ("cosine", 4.1284e-5, (0.999959, 0.847012, 0.493844, 0.144272, 2.43e-9)),
    ],
)
def test_what_is_left_of_the_image(schedule, first, kept):
    steps = betas(schedule, 1000)
    left = (1 - steps).cumprod(0)
    assert steps[0].item() == pytest.approx(first, rel=1e-4)
    assert [left[t - 1].item() for t in (1, 250, 500, 750, 1000)] == pytest.approx(kept, rel=2e-3)
    assert (steps == 0.999).sum().item() == (schedule == "cosine")


def test_half_of_the_image_is_left_at_level_259():
    left = (1 - betas("linear", 1000)).cumprod(0)
    assert 1 + (left - 0.5).abs().argmin().item() == 259


def test_the_last_draw_has_the_posteriors_variance():
    """From level 2 to 1: the variance of q(z_1 | z_2, x), and of q(z_2 | z_1) if wide."""
    method = ddpm(levels=1000, schedule="linear")
    levels = method.stops(Sampler("ancestral", 1000))[-3:-1]
    assert [level.t for level in levels] == [0.002, 0.001]
    torch.manual_seed(0)
    z = torch.zeros(100_000, dtype=torch.float64)
    for wide, variance in ((False, 5.4532e-5), (True, betas("linear", 1000)[1].item())):
        found = ancestral(lambda z, t: torch.zeros_like(z), z, levels, wide)
        assert found.var().item() == pytest.approx(variance, rel=0.02)


def test_fewer_levels_leave_as_little_of_the_image():
    for levels in (10, 100, 200, 1000):
        assert (1 - betas("linear", levels)).prod().item() < 1e-4


def test_one_level_is_refused():
    """All of the noise at once: the linear schedule would leave nine tenths of the image."""
    with pytest.raises(ValueError, match="levels is 1, where 2 is the least"):
        ddpm(levels=1)


def test_a_mixture_keeps_the_variance_and_the_network_is_told_its_level():
    method, seen = ddpm(levels=1000), []
    method.epsilon.forward = lambda z, t, y: (seen.append((z, t)), z)[1]
    batch = batch_for(method, 4000)
    batch = batch._replace(x=torch.randn_like(batch.x))
    torch.manual_seed(0)
    method.training_step(batch, 0, lambda loss, optimizer, lr=None: None)
    (z, t), = seen  # fmt: skip
    assert z.var().item() == pytest.approx(1.0, abs=0.01)
    assert t.min() > 0 and t.max() == 1
    # What a mixture has in common with its image is alpha.
    shared = (z * batch.x).mean(dim=(1, 2, 3)) / batch.x.square().mean(dim=(1, 2, 3))
    alpha = method.alpha[(t[:, 0] * 1000).round().long()]
    assert (shared - alpha).mean().abs() < 0.01 and (shared - alpha).abs().mean() < 0.15


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_the_level_that_is_told_is_the_one_that_is_mixed(schedule):
    """Images so bright that alpha can be read off: the next level's is .001 away on average."""
    method, seen = ddpm(levels=1000, schedule=schedule), []
    method.epsilon.forward = lambda z, t, y: (seen.append((z, t)), z)[1]
    batch = batch_for(method, 2000)
    batch = batch._replace(x=torch.full_like(batch.x, 1000.0))
    torch.manual_seed(0)
    method.training_step(batch, 0, lambda loss, optimizer, lr=None: None)
    (z, t), = seen  # fmt: skip
    left = (1 - betas(schedule, 1000)).cumprod(0).sqrt()[(t[:, 0] * 1000).round().long() - 1]
    assert (z.mean(dim=(1, 2, 3)) / 1000 - left).abs().mean().item() < 2e-4


@pytest.mark.parametrize(
    ("sampler", "most"),
    [
        (Sampler(solver="ddim", steps=200), 0.04),
        (Sampler(solver="ddim", steps=1000), 0.01),
        (Sampler(solver="2m", steps=50), 0.01),
    ],
)
def test_the_way_back_of_a_gaussian_world_is_found(sampler, most):
    """Without draws z comes back as S z, up to what the first level has left of the image."""
    method = ddpm(levels=1000, schedule="linear")
    method.epsilon = GaussianNoise(method)
    z, y = torch.full((1, 1, 8, 8), 0.7, dtype=torch.float64), torch.zeros(1, dtype=torch.int64)
    x = method.sample(z, y, dataclasses.replace(sampler, precision="fp32"))
    assert x.mean().item() == pytest.approx(S * 0.7, rel=most)


@pytest.mark.parametrize(
    "sampler", [Sampler("ancestral", 1000), Sampler("ancestral", 1000, wide=True),
                Sampler("ddim", 1000, eta=1.0), Sampler("ddim", 1000, eta=1.0, clip=False)]
)  # fmt: skip
def test_draws_have_the_images_variance(sampler):
    method = ddpm(levels=1000, schedule="linear")
    method.epsilon = GaussianNoise(method)
    torch.manual_seed(0)
    z, y = torch.randn(300, 1, 8, 8) * 0.999, torch.zeros(300, dtype=torch.int64)
    x = method.sample(z, y, dataclasses.replace(sampler, precision="fp32"))
    # Four deviations lie inside of [-1, 1], where denoised images are clamped.
    assert x.std().item() == pytest.approx(S, rel=0.03)
    assert x.mean().item() == pytest.approx(0, abs=0.02)


def test_options_reach_their_samplers():
    """DDIM with eta 1 draws what the ancestral sampler draws; `wide` spreads its samples more."""
    method = ddpm(levels=1000, schedule="linear")
    method.epsilon = GaussianNoise(method)
    z, y = torch.randn(200, 1, 8, 8), torch.zeros(200, dtype=torch.int64)

    def drawn(sampler: Sampler) -> torch.Tensor:
        torch.manual_seed(0)
        return method.sample(z, y, dataclasses.replace(sampler, steps=10, precision="fp32"))

    narrow = drawn(Sampler("ancestral"))
    assert torch.allclose(drawn(Sampler("ddim", eta=1.0)), narrow, atol=1e-5)
    assert not torch.allclose(drawn(Sampler("ddim", eta=0.5)), narrow, atol=0.01)
    assert drawn(Sampler("ancestral", wide=True)).std() > 1.1 * narrow.std()


@pytest.mark.parametrize("solver", ["ddim", "ancestral", "2m"])
@pytest.mark.parametrize("steps", [1, 2, 7, 50])
def test_stops_fall_from_noise_to_image(solver, steps):
    times = [level.t for level in ddpm(levels=50).stops(Sampler(solver=solver, steps=steps))]
    assert len(times) == steps + 1 and times[0] == 1 and times[-1] == 0
    assert all(a > b for a, b in zip(times, times[1:], strict=False))


def test_the_second_order_solver_stops_evenly_in_log_ratio():
    """And its last step goes to 0 from where one more of that size would have led to level 1."""
    method = ddpm(levels=1000, schedule="linear")
    *stops, end = method.stops(Sampler("2m", 8))
    ratios = [(level.alpha / level.sigma) for level in stops]
    ratios = torch.tensor([*ratios, (method.alpha[1] / method.sigma[1]).item()]).log().diff()
    assert ratios.min().item() == pytest.approx(ratios.mean().item(), rel=0.06)
    assert ratios.max().item() == pytest.approx(ratios.mean().item(), rel=0.06)
    assert (end.t, end.alpha, end.sigma) == (0, 1, 0)


def test_the_cosine_schedules_loudest_levels_are_passed_over():
    """From T, with hardly an image, straight to where there is something to see."""
    first, second = ddpm(levels=1000).stops(Sampler("2m", 100))[:2]
    assert first.alpha < 1e-4 and second.alpha > math.exp(-5.0)


@pytest.mark.parametrize("clip", [True, False])
def test_denoised_images_are_clamped_or_not(clip):
    """A network that finds no noise takes z / alpha for the image: far outside of [-1, 1]."""
    method, seen = ddpm(levels=50), []
    method.epsilon.forward = lambda z, t, y: (seen.append(z), torch.zeros_like(z))[1]
    z = torch.full((1, 1, 8, 8), 0.9)
    sampler = Sampler(steps=10, clip=clip, precision="fp32")
    method.sample(z, torch.zeros(1, dtype=torch.int64), sampler)
    here, there = method.stops(sampler)[:2]
    x = 1.0 if clip else 0.9 / here.alpha
    epsilon = (0.9 - here.alpha * x) / here.sigma
    expected = there.alpha * x + there.sigma * epsilon
    assert torch.allclose(seen[1], torch.full_like(z, expected), rtol=1e-4)


@pytest.mark.parametrize("eta", [-0.1, 1.1, float("nan")])
def test_more_noise_than_there_is_is_refused(eta):
    with pytest.raises(ValueError, match=r"eta is .* between 0 and 1"):
        ddpm().stops(Sampler(eta=eta))


@pytest.mark.parametrize("steps", [0, -1, 51])
def test_other_numbers_of_steps_are_refused(steps):
    method = ddpm(levels=50)
    z = method.latents(2, torch.Generator().manual_seed(0))
    with pytest.raises(ValueError, match=f"a sampler of {steps} steps .* from 1 to 50"):
        method.sample(z, torch.zeros(2, dtype=torch.int64), Sampler(steps=steps))
