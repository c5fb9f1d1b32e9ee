"""MeanFlow: the identity in a Gaussian world, its derivative, and the phases of its training."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from cases import batch_for, spec_of
from torch import nn

from imggen.methods.mean_flow import Config, MeanFlow, Sampler

S = 0.5


def deviation(t):
    return ((1 - t) ** 2 * S**2 + t**2).sqrt()


class GaussianMean(nn.Module):
    """u(z, r, t) where images are N(0, S² I): z (1 - sigma_r / sigma_t) / (t - r)."""

    def forward(self, z, numbers, y=None):
        t, gap = (numbers[:, i, None, None, None].to(z.dtype) for i in range(2))
        velocity = z * (t - (1 - t) * S**2) / deviation(t) ** 2
        mean = z * (1 - deviation(t - gap) / deviation(t)) / gap.clamp_min(1e-12)
        return torch.where(gap > 0, mean, velocity)


def mean_flow(**settings) -> MeanFlow:
    return MeanFlow(dataclasses.replace(Config.tiny(), **settings), spec_of())


def ones(value: float, *shape: int) -> torch.Tensor:
    return torch.full(shape or (1,), value, dtype=torch.float64)


def test_the_identity_holds_for_the_true_mean_velocity():
    """s = .5, t = .8, r = .3, z = 1: u, v, du/dt along v, and v - (t - r) du/dt = u."""
    method = mean_flow()
    method.u = GaussianMean()
    z, r, t = ones(1.0, 1, 1, 1, 1), ones(0.3), ones(0.8)
    u, v = method.mean_velocity(z, r, t, None), method.mean_velocity(z, t, t, None)
    slope = method.slope(z, r, t, v, None)
    found = [value.item() for value in (u, v, slope, v - 0.5 * slope)]
    assert found == pytest.approx([0.8564563, 1.1538462, 0.5947798, 0.8564563], abs=1e-7)


def test_improved_takes_the_networks_own_velocity():
    method = mean_flow(improved=True)
    method.u = GaussianMean()
    z, r, t = ones(1.0, 1, 1, 1, 1), ones(0.3), ones(0.8)
    line = ones(-7.0, 1, 1, 1, 1)
    assert method.slope(z, r, t, line, None).item() == pytest.approx(0.5947798, abs=1e-7)
    plain = mean_flow()
    plain.u = GaussianMean()
    assert plain.slope(z, r, t, line, None).item() != pytest.approx(0.5947798, abs=1e-2)


def test_one_pass_of_the_true_mean_velocity_goes_all_the_way():
    method = mean_flow()
    method.u = GaussianMean()
    z, y = ones(0.8, 2, 1, 8, 8), torch.zeros(2, dtype=torch.int64)
    for steps in (1, 3):
        x = method.sample(z, y, Sampler(steps=steps, precision="fp32"))
        assert torch.allclose(x, S * z, atol=1e-9)


def test_the_derivative_is_that_of_the_network():
    """Against central differences in double precision, along (v, 0, 1)."""
    torch.manual_seed(0)
    method = mean_flow().double()
    for parameter in method.parameters():
        nn.init.normal_(parameter, std=0.2)
    numbers = method.u.conditions.numbers
    forward = numbers.forward
    numbers.forward = lambda given: (
        numbers.layers(_waves(given, numbers.frequencies)) if given.dtype == torch.float64
        else forward(given)
    )  # fmt: skip
    z, v = (torch.randn(2, 1, 8, 8, dtype=torch.float64) for _ in range(2))
    r, t, y, h = ones(0.2, 2), ones(0.7, 2), torch.tensor([1, 2]), 1e-5
    method.u.forward = _in_double(method.u)
    found = method.slope(z, r, t, v, y)
    ahead, behind = (method.mean_velocity(z + s * h * v, r, t + s * h, y) for s in (1, -1))
    assert found.abs().max() > 0.01
    assert torch.allclose(found, (ahead - behind) / (2 * h), atol=1e-4)


def _waves(numbers, frequencies):
    angles = numbers[:, :, None] * frequencies
    return torch.cat([angles.cos(), angles.sin()], dim=2).flatten(1)


def _in_double(network):
    """The U-Net's pass with its output left in double precision."""
    code = type(network).forward

    def forward(x, numbers, y=None):
        kept = torch.Tensor.float
        torch.Tensor.float = lambda tensor: tensor  # its last act is .float()
        try:
            return code(network, x, numbers, y)
        finally:
            torch.Tensor.float = kept

    return forward


def test_without_gaps_it_is_flow_matching():
    """Up to `flow_until`, with power 0: the squared error of eps - x."""
    method = mean_flow(power=0.0, label_dropout=0.0)
    batch, seen = batch_for(method), []
    torch.manual_seed(3)
    stats = method.training_step(batch, 0, lambda loss, optimizer, lr=None: seen.append(loss))
    torch.manual_seed(3)
    r, t, gaps = method.times(len(batch.x), 0, batch.x.device)
    epsilon = torch.randn_like(batch.x)
    assert gaps == 0 and torch.equal(r, t)
    assert set(stats) == {"loss", "error"}
    expected = (epsilon - batch.x).square().mean()  # the network is 0 at first
    assert stats["error"].item() == pytest.approx(expected.item(), rel=1e-5)
    assert seen[0].item() == pytest.approx(expected.item() * batch.x[0].numel(), rel=1e-5)


def test_afterwards_a_share_of_the_rows_has_a_gap():
    method = mean_flow(gaps=0.25)
    r, t, gaps = method.times(1000, 5, torch.device("cpu"))
    assert gaps == 250 and (r[:250] < t[:250]).all() and torch.equal(r[250:], t[250:])
    assert t[250:].mean().item() == pytest.approx(0.415, abs=0.03)  # sigmoid of N(-.4, 1)


def test_the_weighted_loss_is_about_one_and_the_target_has_no_gradient():
    method = mean_flow(flow_until=None)
    torch.manual_seed(0)
    for parameter in method.parameters():
        nn.init.normal_(parameter, std=0.05)
    batch, seen = batch_for(method), []
    stats = method.training_step(batch, 0, lambda loss, optimizer, lr=None: seen.append(loss))
    assert stats["loss"].item() == pytest.approx(1.0, abs=0.01)
    assert method.slope(batch.x, *method.times(16, 9, torch.device("cpu"))[:2], batch.x,
                        batch.y).requires_grad is False  # fmt: skip


@pytest.mark.parametrize("settings", [{"gaps": 0.0}, {"floor": 0.0}, {"power": -1.0}])
def test_senseless_settings_are_refused(settings):
    with pytest.raises(ValueError, match=f"{next(iter(settings))} is"):
        mean_flow(**settings)
