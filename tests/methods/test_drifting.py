"""Drifting: the field against its symmetries and against loops, labels kept apart, the phases."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from cases import batch_for, spec_of

from imggen.methods import Batch, Spec
from imggen.methods.drifting import Config, Drifting, drift, normalised_drift, pairs

DOUBLE = torch.float64


def drifting(**settings) -> Drifting:
    torch.manual_seed(0)
    return Drifting(dataclasses.replace(Config.tiny(), **settings), spec_of())


def points(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=DOUBLE)


def field(x, pull, push, tau=0.7, floor=0.0):
    """V at x (N, d), each pair allowed."""
    targets = torch.cat([pull, push])
    logits = -torch.cdist(x, targets, compute_mode="donot_use_mm_for_euclid_dist") / tau
    return drift(logits, torch.ones_like(logits, dtype=torch.bool), targets, len(pull), floor)


class TestField:
    """Algorithm 2, with x distinct from what pulls and what pushes it."""

    x, pull, push = points(6, 3), points(5, 3, seed=1) + 0.5, points(7, 3, seed=2)

    @pytest.mark.parametrize("floor", [0.0, 1e-3])
    def test_nothing_moves_where_pull_and_push_are_alike(self, floor):
        assert field(self.x, self.pull, self.pull, floor=floor).abs().max() < 1e-14
        assert field(self.x, self.pull, self.push, floor=floor).abs().max() > 1e-3

    @pytest.mark.parametrize("floor", [0.0, 1e-3])
    def test_exchanging_pull_and_push_turns_it_round(self, floor):
        there = field(self.x, self.pull, self.push, floor=floor)
        back = field(self.x, self.push, self.pull, floor=floor)
        torch.testing.assert_close(there, -back, rtol=0, atol=1e-14)

    def test_moving_all_moves_nothing_else(self):
        shift = torch.tensor([3.0, -7.0, 11.0], dtype=DOUBLE)
        moved = field(self.x + shift, self.pull + shift, self.push + shift)
        torch.testing.assert_close(moved, field(self.x, self.pull, self.push), rtol=0, atol=1e-12)

    def test_order_does_not_matter(self):
        order = torch.tensor([3, 0, 5, 1, 4, 2])
        V = field(self.x, self.pull, self.push)
        shuffled = field(self.x[order], self.pull.flip(0), self.push.roll(2, 0))
        torch.testing.assert_close(shuffled, V[order], rtol=0, atol=1e-14)

    def test_is_the_double_sum_over_images_and_samples(self):
        """V = sum over y+ and y- of A A (y+ - y-), with k over the roots of both its sums."""
        x, both, tau = self.x, torch.cat([self.pull, self.push]), 0.7
        k = [[math.exp(-math.dist(a, b) / tau) for b in both.tolist()] for a in x.tolist()]
        expected = torch.zeros_like(x)
        for i in range(len(x)):
            for p in range(len(self.pull)):
                for q in range(len(self.pull), len(both)):
                    A = [k[i][j] / math.sqrt(sum(k[i]) * sum(row[j] for row in k)) for j in (p, q)]
                    expected[i] += A[0] * A[1] * (both[p] - both[q])
        torch.testing.assert_close(field(x, self.pull, self.push), expected, rtol=0, atol=1e-13)

    def test_one_sample_between_an_image_and_another_sample(self):
        """At distances 1 and 2 the columns' sums are 1: A² = softmax, V = product times 3."""
        at, tau = torch.tensor([[0.0]], dtype=DOUBLE), 2.0
        V = field(at, at + 1, at - 2, tau)
        share = 1 / (1 + math.exp(-0.5))
        assert V.item() == pytest.approx(3 * math.sqrt(share * (1 - share)), rel=1e-12)

    def test_particles_that_follow_it_become_like_the_data(self):
        """From one far heap to two heaps of 3:1, where pull alone would leave their mean."""
        data = torch.cat([points(48, 1) * 0.3 - 2, points(16, 1, seed=1) * 0.3 + 2])
        x = points(64, 1, seed=2) * 0.1 + 5
        allowed = pairs(torch.zeros(64))
        for step in range(200):
            to = normalised_drift(x, data, allowed, (0.05, 0.2, 0.5), 1e-6)
            x = x + 0.1 * (1 - step / 200) * to.scale * to.V
        assert (x < 0).double().mean().item() == pytest.approx(0.75, abs=0.05)
        assert x.mean().item() == pytest.approx(data.mean().item(), abs=0.2)
        assert x.std().item() == pytest.approx(data.std().item(), rel=0.1)


class TestLabels:
    def test_who_acts_on_whom(self):
        allowed = pairs(torch.tensor([4, 1, 4]))
        images = [[1, 0, 1], [0, 1, 0], [1, 0, 1]]
        samples = [[0, 0, 1], [0, 0, 0], [1, 0, 0]]
        assert allowed.int().tolist() == [a + b for a, b in zip(images, samples, strict=True)]

    def test_labels_are_as_if_each_were_alone(self):
        """One masked matrix gives what a field for each label gives."""
        x, images, y = points(9, 2), points(9, 2, seed=1), torch.tensor([0, 1, 2] * 3)
        targets = torch.cat([images, x])
        logits = -torch.cdist(x, targets)
        V = drift(logits, pairs(y), targets, 9, 1e-6)
        for label in range(3):
            rows = (y == label).nonzero()[:, 0]
            own = torch.cat([rows, 9 + rows])
            alone = drift(logits[rows][:, own], pairs(y[rows]), targets[own], 3, 1e-6)
            torch.testing.assert_close(V[rows], alone, rtol=0, atol=1e-14)

    def test_a_sample_alone_of_its_label_stays(self):
        x, images, y = points(3, 2), points(3, 2, seed=1), torch.tensor([0, 0, 1])
        V = normalised_drift(x, images, pairs(y), (0.05, 0.2), 1e-6).V
        assert V.isfinite().all() and V[2].abs().max() == 0 and V[:2].abs().max() > 0


class TestScales:
    x, images, allowed = points(32, 5), points(32, 5, seed=1) + 1, pairs(torch.zeros(32))

    def drift(self, factor=1.0, temperatures=(0.2,)):
        return normalised_drift(
            factor * self.x, factor * self.images, self.allowed, temperatures, 0
        )

    def test_each_temperature_gives_a_step_of_size_one(self):
        assert self.drift().V.square().mean().item() == pytest.approx(1.0, rel=1e-9)
        one, other, both = (self.drift(temperatures=t) for t in ((0.2,), (0.05,), (0.2, 0.05)))
        torch.testing.assert_close(both.V, one.V + other.V)
        assert both.size.item() == pytest.approx((one.size + other.size).item() / 2, rel=1e-9)

    def test_the_unit_of_features_does_not_matter(self):
        near, far = self.drift(), self.drift(factor=1000.0)
        torch.testing.assert_close(near.V, far.V)
        assert far.scale.item() == pytest.approx(1000 * near.scale.item(), rel=1e-9)

    def test_divided_features_are_the_root_of_their_dimension_apart(self):
        targets = torch.cat([self.images, self.x]) / self.drift().scale
        distances = torch.cdist(self.x / self.drift().scale, targets)
        assert distances[self.allowed].mean().item() == pytest.approx(math.sqrt(5), rel=1e-9)

    def test_it_shrinks_as_samples_become_like_images_though_its_steps_do_not(self):
        sizes = []
        for apart in (2.0, 1.0, 0.0):
            to = normalised_drift(self.x + apart, self.images - 1, self.allowed, (0.2,), 0.0)
            sizes.append(to.size.item())
            assert to.V.square().mean().item() == pytest.approx(1.0, rel=1e-9)
        assert sizes[2] < 0.5 * sizes[1] < 0.5 * sizes[0]


class TestLoss:
    def test_its_gradient_at_the_samples_is_the_drift(self):
        """With pixels alone as features: -2 V / (number of values x scale)."""
        method, batch = drifting(), batch_for(drifting())
        x = (torch.randn(16, 1, 8, 8) / 2).requires_grad_()
        method.phi.features = lambda images: {"pixels": images.flatten(1)}
        loss, _ = method.loss(x, batch)
        loss.backward()
        c = method.config
        real = batch.x.flatten(1)
        to = normalised_drift(x.flatten(1), real, pairs(batch.y), c.temperatures, c.floor)
        expected = -2 * to.V / (x.numel() * to.scale)
        torch.testing.assert_close(x.grad.flatten(1), expected)
        assert loss.item() == pytest.approx(to.V.square().mean().item(), rel=1e-4)

    def test_without_labels_all_act_on_all(self):
        method = Drifting(dataclasses.replace(Config.tiny(), conditional=False), Spec((1, 8, 8)))
        batch = Batch(torch.rand(2, 1, 8, 8) * 2 - 1)
        stats = method.training_step(batch, 9, lambda loss, optimizer, lr=None: None)
        assert stats["drift_pixels"] > 0


class TestPhases:
    def test_features_first_then_the_generator_on_frozen_features(self):
        method, used = drifting(first_phase_steps=3, lr_steps=10, warmup=2), []

        def minimize(loss, optimizer, lr=None):
            used.append((optimizer, lr))

        for step in range(10):
            method.training_step(batch_for(method), step, minimize)
        assert [optimizer for optimizer, _ in used] == [method.opt_phi] * 3 + [method.opt_G] * 7
        rates = [lr for _, lr in used]
        assert rates[0] == 1e-3 and rates[2] == pytest.approx(0.25e-3)
        assert rates[3] == pytest.approx(2.5e-3) and max(rates[3:]) == rates[4] == 5e-3
        assert rates[9] < 0.1 * 5e-3

    def test_only_hidden_squares_count(self):
        """A decoder of 1s is wrong by 2 on black squares, and what it gets are grey ones there."""
        method = drifting()
        seen = []
        method.phi.trunk.register_forward_hook(lambda _, given, out: seen.append(given[0]))
        method.phi.decoder.forward = lambda code, y: torch.ones(50, 1, 8, 8)
        error = method.phi.error(-torch.ones(50, 1, 8, 8), hidden=0.5)
        assert error.item() == pytest.approx(4.0)
        squares = seen[0].unfold(2, 4, 4).unfold(3, 4, 4).flatten(4)
        assert (squares == squares[..., :1]).all() and set(squares.unique().tolist()) == {-1, 0}
        assert (squares == 0).float().mean().item() == pytest.approx(0.5, abs=0.15)

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"temperatures": ()}, "each must be above 0"),
            ({"temperatures": (0.1, 0.0)}, "each must be above 0"),
            ({"hidden": 0.0}, "hidden is 0.0"),
            ({"hidden": 1.5}, "hidden is 1.5"),
        ],
    )
    def test_senseless_settings_are_refused(self, settings, message):
        with pytest.raises(ValueError, match=message):
            drifting(**settings)
