"""Flow matching: the velocity of a Gaussian world, pairs, phases, and what guidance does."""

from __future__ import annotations

import dataclasses
import itertools

import pytest
import torch
from cases import batch_for, digits, spec_of
from torch import nn

from imggen.methods import Batch, Spec
from imggen.methods.flow_matching import Config, FlowMatching, Sampler, optimal_pairs

S = 0.5


class GaussianVelocity(nn.Module):
    """The mean velocity where images are N(0, S² I): z (t - (1 - t) S²) / ((1 - t)² S² + t²)."""

    def forward(self, z, t, y=None):
        t = t[:, :, None, None].to(z.dtype)
        return z * (t - (1 - t) * S**2) / ((1 - t) ** 2 * S**2 + t**2)


def flow(**settings) -> FlowMatching:
    return FlowMatching(dataclasses.replace(Config.tiny(), **settings), spec_of())


class TestGaussianWorld:
    """The flow multiplies noise by S: what a solver gives is off by its error alone."""

    @pytest.mark.parametrize(("solver", "order"), [("euler", 1), ("heun", 2)])
    def test_solvers_converge_to_the_flow_at_their_order(self, solver, order):
        method = flow()
        method.v = GaussianVelocity()
        z, y = torch.full((3, 1, 8, 8), 0.8, dtype=torch.float64), torch.zeros(3, dtype=torch.int64)
        errors = []
        for steps in (40, 80):
            sampler = Sampler(solver=solver, steps=steps, precision="fp32")
            errors.append((method.sample(z, y, sampler) - S * z).abs().max().item())
        assert errors[0] / errors[1] == pytest.approx(2**order, rel=0.1)

    def test_the_loss_of_the_true_velocity_is_what_can_not_be_known(self):
        """E |v - (eps - x)|² = S² / ((1-t)² S² + t²) a pixel, averaged over t."""
        method = flow(label_dropout=0.0)
        method.v = GaussianVelocity()
        method.opt = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.0)
        torch.manual_seed(0)
        x = S * torch.randn(4000, 1, 8, 8)
        batch = Batch(x, torch.zeros(len(x), dtype=torch.int64))
        loss = method.training_step(batch, 0, lambda loss, optimizer, lr=None: None)["loss"]
        t = (torch.arange(10_000) + 0.5) / 10_000
        expected = (S**2 / ((1 - t) ** 2 * S**2 + t**2)).mean()
        assert loss.item() == pytest.approx(expected.item(), rel=0.02)

    def test_without_knowledge_the_loss_is_that_of_zero(self):
        """A network that starts at 0 pays E |eps - x|²."""
        torch.manual_seed(0)
        batch = Batch(torch.zeros(500, 1, 8, 8), torch.zeros(500, dtype=torch.int64))
        loss = flow().training_step(batch, 0, lambda loss, optimizer, lr=None: None)["loss"]
        assert loss.item() == pytest.approx(1.0, rel=0.02)


class TestPairs:
    def test_the_best_of_all_orders_is_found(self):
        generator = torch.Generator().manual_seed(0)
        for _ in range(5):
            x, noise = (torch.randn(5, 1, 2, 2, generator=generator) for _ in range(2))

            def cost(rows, x=x, noise=noise):
                return (x - noise[list(rows)]).square().sum().item()

            best = min(cost(rows) for rows in itertools.permutations(range(5)))
            with torch.autocast("cpu", torch.bfloat16):  # as in a training
                found = optimal_pairs(noise, x)
            assert (x - found).square().sum().item() == pytest.approx(best, rel=1e-5)

    def test_labels_keep_their_noise(self):
        """Which noise a label gets is chance alone: the pairing only moves it inside the label."""
        generator = torch.Generator().manual_seed(0)
        x, noise = (torch.randn(60, 1, 2, 2, generator=generator) for _ in range(2))
        y = torch.arange(60) % 3
        found = optimal_pairs(noise, x, y)
        assert not torch.equal(found, noise)
        for label in range(3):
            ours, theirs = (set(map(tuple, part[y == label].flatten(1).tolist()))
                            for part in (found, noise))  # fmt: skip
            assert ours == theirs
        assert (x - found).square().sum() < (x - noise).square().sum()

    def test_optimal_pairs_are_what_is_learnt_from(self):
        method = flow(pairing="optimal", conditional=False)
        batch = batch_for(method)
        noise = torch.randn_like(batch.x)
        assert torch.equal(method.pairs(batch, noise, 0)[1], optimal_pairs(noise, batch.x))

    def test_reflow_pairs_noise_with_where_the_frozen_flow_carries_it(self):
        method = flow(reflow_from=3, reflow_steps=2)
        batch = batch_for(method)
        noise = torch.randn_like(batch.x)
        x, e = method.pairs(batch, noise, 2)
        assert torch.equal(x, batch.x) and torch.equal(e, noise)
        for parameter in method.v.parameters():
            nn.init.normal_(parameter, std=0.1)
        x, e = method.pairs(batch, noise, 3)
        assert torch.equal(e, noise) and not torch.equal(x, batch.x)
        expected = method.follow(method.v, noise, batch.y, Sampler(steps=2))
        assert torch.equal(x, expected)
        for parameter in method.v.parameters():
            nn.init.zeros_(parameter)
        assert torch.equal(method.pairs(batch, noise, 4)[0], expected), "the teacher stays"

    def test_the_rate_rises_and_falls_once_in_each_phase(self):
        method = flow(reflow_from=100, lr=1.0, lr_steps=140, warmup=10)
        rates = [method.learning_rate(step) for step in (0, 9, 10, 55, 100, 109, 110, 125)]
        assert rates == pytest.approx([0.1, 1.0, 1.0, 0.5, 0.1, 1.0, 1.0, 0.5])


class TestSampler:
    def test_guidance_of_one_is_the_plain_conditional_and_others_are_not(self):
        method = flow()
        for parameter in method.v.parameters():
            nn.init.normal_(parameter, std=0.1)
        z, y = method.latents(4, torch.Generator().manual_seed(0)), torch.arange(4)
        plain = method.sample(z, y, Sampler(steps=2))
        assert torch.equal(plain, method.sample(z, y, Sampler(steps=2, guidance=1.0)))
        assert not torch.equal(plain, method.sample(z, y, Sampler(steps=2, guidance=2.0)))
        none = method.sample(z, y, Sampler(steps=2, guidance=0.0, precision="fp32"))
        unlabelled = torch.full_like(y, method.spec.classes)
        expected = method.sample(z, unlabelled, Sampler(steps=2, precision="fp32"))
        assert torch.allclose(none, expected, atol=1e-5)

    def test_what_makes_no_sense_is_refused(self):
        method = flow()
        z, y = method.latents(2, torch.Generator().manual_seed(0)), torch.arange(2)
        with pytest.raises(ValueError, match="a sampler of 0 steps draws nothing"):
            method.sample(z, y, Sampler(steps=0))
        with pytest.raises(ValueError, match="only with them"):
            method.sample(z, None)
        with pytest.raises(ValueError, match=r"guidance is 2\.0, and .* without labels"):
            flow(conditional=False).sample(z, None, Sampler(guidance=2.0))
        with pytest.raises(ValueError, match="needs labels"):
            FlowMatching(Config.tiny(), Spec((1, 8, 8)))
        with pytest.raises(ValueError, match="multiples of 4, and these are 10x8"):
            FlowMatching(Config.tiny(), spec_of((1, 8, 10)))


def test_labels_are_left_out_as_often_as_asked():
    method = flow(label_dropout=0.25)
    seen = []
    forward = method.v.forward
    method.v.forward = lambda z, t, y: (seen.append(y), forward(z, t, y))[1]
    torch.manual_seed(0)
    batch = Batch(digits().pixels[:100].float() / 255, torch.zeros(100, dtype=torch.int64))
    for step in range(20):
        method.training_step(batch, step, lambda loss, optimizer, lr=None: None)
    given = torch.cat(seen)
    assert set(given.tolist()) == {0, 10}
    assert (given == 10).float().mean().item() == pytest.approx(0.25, abs=0.04)
