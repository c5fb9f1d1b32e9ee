"""EDM: unit sizes around the network, the levels, and both guidances."""

from __future__ import annotations

import dataclasses
import runpy
from pathlib import Path

import pytest
import torch
from cases import batch_for, spec_of
from torch import nn

from imggen.data.datasets import DataConfig
from imggen.methods import Batch, Spec
from imggen.methods.edm import EDM, Config, Sampler, sigma_steps

SCRIPT = Path(__file__).resolve().parents[2] / "experiments" / "edm_mnist.py"
EXPERIMENT = runpy.run_path(str(SCRIPT))["experiment"]


def edm(**settings) -> EDM:
    return EDM(dataclasses.replace(Config.tiny(), **settings), spec_of())


class Silent(nn.Module):
    """A network that says 0: right where images are N(0, sigma_data² I)."""

    def forward(self, z, numbers, y=None):
        return torch.zeros_like(z)


def gaussian(**settings) -> EDM:
    method = edm(guide_width=None, sigma_data=0.5, **settings)
    method.F = Silent()
    return method


def test_levels():
    """18 of them between .002 and 80, and 0."""
    found = sigma_steps(18, 0.002, 80, 7)
    expected = [80, 57.59, 40.79, 28.37, 19.35, 12.91, 8.401, 5.315, 3.257, 1.923, 1.088, 0.5853,
                0.2964, 0.1395, 0.05995, 0.02293, 0.007528, 0.002, 0]  # fmt: skip
    assert found == pytest.approx(expected, rel=5e-4)


def test_the_network_sees_and_makes_unit_variance():
    """Inputs c_in z, and targets (x - c_skip z) / c_out, at levels from faint to loud."""
    method, seen = edm(sigma_data=0.5), []
    method.F.forward = lambda z, numbers, y: (seen.append((z, numbers)), torch.zeros_like(z))[1]
    x = 0.5 * torch.randn(2000, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    for level in (0.01, 0.5, 20.0):
        sigma = torch.full((len(x),), level)
        z = x + level * torch.randn(x.shape, generator=torch.Generator().manual_seed(1))
        skipped = method.denoise(method.F, z, sigma, None)
        given, numbers = seen.pop()
        assert given.var().item() == pytest.approx(1.0, rel=0.02)
        assert torch.allclose(numbers, sigma.log()[:, None] / 4)
        c_out = level * 0.5 / (level**2 + 0.25) ** 0.5
        assert ((x - skipped) / c_out).var().item() == pytest.approx(1.0, rel=0.02)


def test_a_silent_network_has_a_loss_of_one_at_every_level():
    torch.manual_seed(0)
    for P_mean in (-5.0, 0.0, 3.0):
        method = gaussian(P_mean=P_mean, P_std=0.1)
        batch = Batch(0.5 * torch.randn(2000, 1, 8, 8), torch.zeros(2000, dtype=torch.int64))
        stats = EDM.training_step(_with_optimizer(method), batch, 0, lambda *a, **k: None)
        assert stats["loss"].item() == pytest.approx(1.0, rel=0.02)


def _with_optimizer(method: EDM) -> EDM:
    method.optimizers = {"F": torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.0)}
    return method


@pytest.mark.parametrize(("solver", "most"), [("euler", 0.2), ("heun", 0.015), ("2m", 0.02)])
def test_the_way_back_of_a_gaussian_world_is_found(solver, most):
    """z ends as z times what the level 80 makes of the images' deviation."""
    z, y = torch.full((1, 1, 8, 8), 0.7, dtype=torch.float64), torch.zeros(1, dtype=torch.int64)
    sampler = Sampler(solver=solver, steps=40, precision="fp32")
    x = gaussian().sample(z, y, sampler)
    assert x.mean().item() == pytest.approx(0.7 * 0.5, rel=most)


class TestAutoguidance:
    def test_the_difference_of_both_denoisers_is_what_counts(self):
        method = edm()
        for parameter in method.parameters():
            nn.init.normal_(parameter, std=0.2)
        y, z = torch.tensor([1, 2]), torch.randn(2, 1, 8, 8)
        good, bad, twice = (
            method.denoiser(y, Sampler(autoguidance=w, precision="fp32"))(z, 1.5)
            for w in (1.0, 0.0, 2.0)
        )
        assert not torch.allclose(good, bad)
        assert torch.allclose(twice, bad + 2 * (good - bad), atol=1e-5)

    def test_a_guide_that_is_no_worse_changes_nothing(self):
        method = edm()
        for parameter in method.F.parameters():
            nn.init.normal_(parameter, std=0.2)
        method.guide.load_state_dict(method.F.state_dict())
        z, y = method.latents(2, torch.Generator().manual_seed(0)), torch.tensor([1, 2])
        plain, pulled = (
            method.sample(z, y, Sampler(steps=3, autoguidance=w, precision="fp32"))
            for w in (1.0, 3.0)
        )
        assert torch.allclose(plain, pulled, atol=1e-5)

    @pytest.mark.parametrize(
        ("step", "moves"), [(0, ["F", "guide"]), (2, ["F"]), (3, ["F", "guide"])]
    )
    def test_the_guide_learns_from_one_batch_of_so_many(self, step, moves):
        method, moved = edm(guide_every=3), []
        batch = batch_for(method)
        stats = method.training_step(
            batch, step, lambda loss, optimizer, lr=None: moved.append(optimizer)
        )
        assert moved == [method.optimizers[name] for name in moves]
        assert set(stats) == ({"loss", "loss_guide"} if "guide" in moves else {"loss"})


@pytest.mark.parametrize(
    ("sampler", "says"),
    [
        (Sampler(steps=0), "a sampler of 0 steps"),
        (Sampler(sigma_min=90.0), "sigma_min is"),
        (Sampler(rho=0.0), "rho is"),
        (Sampler(guidance=2.0, autoguidance=2.0), "don't go together"),
    ],
)
def test_senseless_samplers_are_refused(sampler, says):
    method = edm()
    z = method.latents(2, torch.Generator().manual_seed(0))
    with pytest.raises(ValueError, match=says):
        method.sample(z, torch.zeros(2, dtype=torch.int64), sampler)


def test_a_guide_that_was_not_trained_is_refused():
    with pytest.raises(ValueError, match="no guide"):
        edm(guide_width=None).denoiser(torch.zeros(1, dtype=torch.int64), Sampler(autoguidance=2.0))
    with pytest.raises(ValueError, match="sigma_data is 0"):
        edm(sigma_data=0.0)


def test_the_experiments_sigma_data_is_the_root_mean_square_of_its_pixels(mnist_root):
    pixels = DataConfig("mnist", root=mnist_root).load("train").pixels
    counts = pixels.flatten().bincount(minlength=256).double()
    squares = (torch.arange(256, dtype=torch.float64) / 127.5 - 1).square()
    rms = ((counts * squares).sum() / counts.sum()).sqrt().item()
    assert EXPERIMENT.settings.sigma_data == pytest.approx(rms, abs=0.01)


def test_the_experiments_networks_are_small_and_the_guide_is_worse():
    """Both together take less than 2.4 MB in half precision."""
    settings = EXPERIMENT.settings
    method = EDM(settings, Spec((1, 28, 28), classes=10))
    assert sum(weights.numel() for weights in method.published_state().values()) < 1_200_000
    assert settings.guide_width <= settings.width / 2
