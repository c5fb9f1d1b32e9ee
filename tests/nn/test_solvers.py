"""Solvers on images that are N(0, s² I), where the way back is known, and their orders."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch

from imggen.nn.guidance import drop_labels, guided
from imggen.nn.schedules import warm_cosine
from imggen.nn.solvers import (
    Level,
    ancestral,
    ddim,
    dpm_solver_2m,
    euler,
    heun,
    uniform_times,
)

S = 0.5


def denoise_at(levels: list[Level]):
    """The mean of the images behind z: alpha S² z / (alpha² S² + sigma²)."""
    at = {level.t: level for level in levels}

    def denoise(z, t):
        here = at[t]
        return here.alpha * S**2 / (here.alpha**2 * S**2 + here.sigma**2) * z

    return denoise


def deviation(level: Level) -> float:
    return math.sqrt((level.alpha * S) ** 2 + level.sigma**2)


def edm_sigmas(nodes: int) -> list[float]:
    first, last = 80 ** (1 / 7), 0.002 ** (1 / 7)
    return [(first + i / (nodes - 1) * (last - first)) ** 7 for i in range(nodes)]


def vp_levels(steps: int) -> list[Level]:
    """Variance kept, log(alpha / sigma) from -5 to 4 in even steps."""
    ratios = [-5 + 9 * i / steps for i in range(steps + 1)]
    sigmas = [1 / math.sqrt(1 + math.exp(2 * ratio)) for ratio in ratios]
    return [Level(-r, s * math.exp(r), s) for r, s in zip(ratios, sigmas, strict=True)]


def relative_error(found: torch.Tensor, start: torch.Tensor, levels: list[Level]) -> float:
    return (found / (start * deviation(levels[-1]) / deviation(levels[0])) - 1).item()


ONE = torch.ones(1, dtype=torch.float64)


@pytest.mark.parametrize(
    ("solver", "order", "errors"),
    [(euler, 1, (-0.16270, -0.08497, -0.04343)), (heun, 2, (0.06290, 0.01471, 0.00355))],
)
def test_slopes_followed_on_edms_levels(solver, order, errors):
    """dz/dsigma = z sigma / (sigma² + s²), from 80 to .002 with 17, 33 and 65 nodes."""
    found = []
    for nodes in (17, 33, 65):
        sigmas = edm_sigmas(nodes)
        end = solver(lambda z, sigma: z * sigma / (sigma**2 + S**2), 80 * ONE, sigmas)
        found.append(relative_error(end, 80 * ONE, [Level(at, 1.0, at) for at in sigmas]))
    assert found == pytest.approx(errors, rel=0.02)
    assert math.log2(found[1] / found[2]) == pytest.approx(order, abs=0.1)


@pytest.mark.parametrize(
    ("solver", "order", "errors"),
    [(ddim, 1, (-0.10627, -0.05463, -0.02770)), (dpm_solver_2m, 2, (0.01146, 0.00308, 0.00078))],
)
def test_denoisers_followed_where_variance_is_kept(solver, order, errors):
    found = []
    for steps in (20, 40, 80):
        levels = vp_levels(steps)
        found.append(relative_error(solver(denoise_at(levels), ONE, levels), ONE, levels))
    assert found == pytest.approx(errors, rel=0.02)
    assert math.log2(found[1] / found[2]) == pytest.approx(order, abs=0.1)


def test_on_straight_paths_ddim_is_eulers_method():
    levels = [Level(t, 1 - t, t) for t in uniform_times(7)]
    denoise = denoise_at(levels)
    z = torch.linspace(-2, 2, 5, dtype=torch.float64)
    by_velocity = euler(lambda z, t: (z - denoise(z, t)) / t, z, uniform_times(7))
    assert torch.allclose(ddim(denoise, z, levels), by_velocity, atol=1e-12)


def test_the_way_may_begin_without_any_image():
    """On straight paths: the first two steps of the second-order solver are then DDIM's."""
    levels = [Level(t, 1 - t, t) for t in uniform_times(8)]
    denoise = denoise_at(levels)
    for steps in (1, 2):
        begun = levels[: steps + 1]
        assert torch.allclose(dpm_solver_2m(denoise, ONE, begun), ddim(denoise, ONE, begun))
    errors = [relative_error(solver(denoise, ONE, levels), ONE, levels)
              for solver in (dpm_solver_2m, ddim)]  # fmt: skip
    assert abs(errors[0]) < abs(errors[1]) < 1


def test_the_last_step_gives_the_denoised_image():
    levels = [Level(1.0, 0.3, 0.9), Level(0.0, 1.0, 0.0)]
    for solver in (ddim, ancestral, dpm_solver_2m, partial(ddim, eta=1.0)):
        assert torch.allclose(solver(lambda z, t: z.cos(), ONE, levels), ONE.cos())


class TestDraws:
    """One step of q(z_s | z_t, x) with x known, against Bayes' rule on numbers."""

    here, there = Level(1.0, 0.4, math.sqrt(1 - 0.4**2)), Level(0.5, 0.8, 0.6)
    x, z = 0.7, -0.2

    def posterior(self) -> tuple[float, float]:
        """Mean and variance of z_s given z_t and x: N(z_s; a' x, s'²) times N(z_t; r z_s, v)."""
        r = self.here.alpha / self.there.alpha
        v = self.here.sigma**2 - (r * self.there.sigma) ** 2
        precision = 1 / self.there.sigma**2 + r**2 / v
        mean = (self.there.alpha * self.x / self.there.sigma**2 + r * self.z / v) / precision
        return mean, 1 / precision

    @pytest.mark.parametrize("solver", [ancestral, partial(ddim, eta=1.0)])
    def test_mean_and_variance(self, solver):
        torch.manual_seed(0)
        z = torch.full((200_000,), self.z, dtype=torch.float64)
        levels = [self.here, self.there]
        found = solver(lambda z, t: torch.full_like(z, self.x), z, levels)
        mean, variance = self.posterior()
        assert found.mean().item() == pytest.approx(mean, abs=0.005)
        assert found.var().item() == pytest.approx(variance, rel=0.02)

    def test_the_wider_variance_is_that_of_one_step_forward(self):
        torch.manual_seed(0)
        z = torch.full((200_000,), self.z, dtype=torch.float64)
        draw = partial(ancestral, wide=True)
        found = draw(lambda z, t: torch.full_like(z, self.x), z, [self.here, self.there])
        forward = self.here.sigma**2 - (self.here.alpha / self.there.alpha * self.there.sigma) ** 2
        assert found.mean().item() == pytest.approx(self.posterior()[0], abs=0.006)
        assert found.var().item() == pytest.approx(forward, rel=0.02)

    def test_without_eta_nothing_is_drawn(self):
        levels = vp_levels(5)
        state = torch.get_rng_state()
        ddim(denoise_at(levels), ONE, levels)
        assert torch.equal(state, torch.get_rng_state())


def test_no_steps_are_refused():
    with pytest.raises(ValueError, match="a sampler of 0 steps draws nothing"):
        uniform_times(0)


class TestGuidance:
    y = torch.tensor([3, 4])

    @staticmethod
    def predict(z, t, y):
        return z * t + y[:, None]

    def test_a_scale_of_one_asks_once_and_changes_nothing(self):
        asked = []

        def predict(z, t, y):
            asked.append(len(z))
            return self.predict(z, t, y)

        z = torch.randn(2, 3)
        assert torch.equal(guided(predict, self.y, 10, 1.0)(z, 0.5), self.predict(z, 0.5, self.y))
        assert asked == [2]
        guided(predict, self.y, 10, 2.0)(z, 0.5)
        assert asked == [2, 4], "both passes at once"

    def test_it_is_linear_in_the_scale(self):
        z = torch.randn(2, 3)
        none = self.predict(z, 0.5, torch.tensor([10, 10]))
        given = self.predict(z, 0.5, self.y)
        for scale in (0.0, 0.5, 3.0):
            found = guided(self.predict, self.y, 10, scale)(z, 0.5)
            assert torch.allclose(found, none + scale * (given - none))

    def test_labels_are_dropped_as_often_as_asked(self):
        torch.manual_seed(0)
        y = torch.arange(20_000) % 10
        dropped = drop_labels(y, 0.1, 10)
        assert (dropped == 10).float().mean().item() == pytest.approx(0.1, abs=0.01)
        assert ((dropped == y) | (dropped == 10)).all()
        assert drop_labels(None, 0.1, 0) is None


def test_the_rate_rises_and_falls():
    rates = [warm_cosine(2.0, step, 110, 10) for step in (0, 4, 9, 10, 60, 110, 200)]
    assert rates == pytest.approx([0.2, 1.0, 2.0, 2.0, 1.0, 0.0, 0.0])
    assert warm_cosine(2.0, 10_000, None, 10) == 2.0
