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


def trained(method: MeanFlow) -> MeanFlow:
    """The same with weights of some size in all layers."""
    torch.manual_seed(0)
    for parameter in method.parameters():
        nn.init.normal_(parameter, std=0.2)
    return method


def test_the_derivative_is_that_of_the_network(monkeypatch):
    """Against central differences in double precision, along (v, 0, 1)."""
    method = trained(mean_flow()).double()
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)  # or it ends in float32
    z, v = (torch.randn(2, 1, 8, 8, dtype=torch.float64) for _ in range(2))
    r, t, y, h = ones(0.2, 2), ones(0.7, 2), torch.tensor([1, 2]), 1e-5
    found = method.slope(z, r, t, v, y)
    ahead, behind = (method.mean_velocity(z + s * h * v, r, t + s * h, y) for s in (1, -1))
    assert found.abs().max() > 0.01
    assert torch.allclose(found, (ahead - behind) / (2 * h), rtol=1e-5, atol=1e-6)


def test_the_derivative_is_taken_in_float32():
    """Autocast changes none of its bits, and is on again for the pass that is learnt from."""
    method = trained(mean_flow())
    z, v = torch.randn(2, 4, 1, 8, 8)
    r, t, y = torch.full((4,), 0.2), torch.full((4,), 0.7), torch.arange(4)
    expected = method.slope(z, r, t, v, y)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(method.slope(z, r, t, v, y), expected)
        assert torch.is_autocast_enabled("cpu")


@pytest.mark.parametrize("improved", [False, True])
def test_the_gradient_is_that_of_a_regression_on_a_fixed_target(improved):
    """So none flows through the target, whose slope is that of the weights as they are."""
    settings = {"flow_until": None, "power": 0.0, "label_dropout": 0.0, "improved": improved}
    method = trained(mean_flow(**settings))
    batch, weights, found = batch_for(method), list(method.parameters()), []
    torch.manual_seed(3)
    method.training_step(
        batch, 0, lambda loss, optimizer, lr=None: found.extend(torch.autograd.grad(loss, weights))
    )
    torch.manual_seed(3)
    r, t, gaps = method.times(len(batch.x), 0, batch.x.device)
    epsilon, at = torch.randn_like(batch.x), t[:, None, None, None]
    z, v = (1 - at) * batch.x + at * epsilon, epsilon - batch.x
    along = method.mean_velocity(z, t, t, batch.y).detach() if improved else v
    slope = method.slope(z, r, t, along, batch.y)
    target = v - (t - r)[:, None, None, None] * slope
    assert gaps == 8 and not slope.requires_grad
    error = (method.mean_velocity(z, r, t, batch.y) - target).square().flatten(1).sum(dim=1)
    expected = torch.autograd.grad(error.mean(), weights)
    ours, theirs = (torch.cat([g.flatten() for g in gradients]) for gradients in (found, expected))
    assert torch.linalg.vector_norm(ours - theirs) < 1e-4 * torch.linalg.vector_norm(theirs)


def test_guidance_moves_the_velocity_away_from_that_without_label():
    """omega v + (1 - omega) u(z, t, t) for rows with a label, v for those without."""
    method = mean_flow(guidance=3.0)
    asked = []
    method.u.forward = lambda z, numbers, y: (asked.append((numbers, y)), 0.25 + 0 * z)[1]
    v, t, y = ones(1.0, 3, 1, 8, 8), torch.tensor([0.2, 0.5, 0.7]), torch.tensor([4, 10, 0])
    guided = method.guide(ones(0.0, 3, 1, 8, 8), t, v, y)
    assert guided[:, 0, 0, 0].tolist() == [2.5, 1.0, 2.5]
    (numbers, none), *more = asked
    assert not more and none.tolist() == [10, 10, 10]
    assert torch.equal(numbers, torch.stack([t, 0 * t], dim=1)), "its own r is t"
    assert mean_flow().guide(v, t, v, y) is v


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


def test_the_weighted_loss_is_about_one():
    method = trained(mean_flow(flow_until=None))
    stats = method.training_step(batch_for(method), 0, lambda loss, optimizer, lr=None: None)
    assert stats["loss"].item() == pytest.approx(1.0, abs=0.01)
    assert stats["error"].item() > 0.5 and stats["error_gap"].item() > 0.5


@pytest.mark.parametrize(
    "settings", [{"gaps": 0.0}, {"floor": 0.0}, {"power": -1.0}, {"time_std": -1.0}]
)
def test_senseless_settings_are_refused(settings):
    with pytest.raises(ValueError, match=f"{next(iter(settings))} is"):
        mean_flow(**settings)


@pytest.mark.parametrize("without", [{"conditional": False}, {"label_dropout": 0.0}])
def test_guidance_needs_labels_that_are_sometimes_left_out(without):
    with pytest.raises(ValueError, match=r"guidance is 2\.0, and needs labels"):
        mean_flow(guidance=2.0, **without)
