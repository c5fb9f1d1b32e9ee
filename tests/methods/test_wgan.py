"""WGAN: clipped weights, what they can tell apart, and the order of steps."""

from __future__ import annotations

import pytest
import torch

from imggen.methods import Batch, Spec, wgan


def build(**settings) -> wgan.WGAN:
    torch.manual_seed(0)
    return wgan.WGAN(wgan.Config(**{"width": 4, "z_dim": 4, **settings}), Spec((1, 8, 8)))


def test_every_weight_of_the_critic_is_within_the_bound_after_a_step():
    method = build(clip=0.03, init_std=1.0)

    def minimize(loss, optimizer, lr=None):
        optimizer.zero_grad()
        loss.backward(inputs=[p for group in optimizer.param_groups for p in group["params"]])
        optimizer.step()

    stats = method.training_step(Batch(torch.rand(8, 1, 8, 8)), 0, minimize)
    assert all(weight.abs().max() <= torch.tensor(0.03) for weight in method.D.parameters())
    assert stats["clipped"] > 0.9, "weights N(0, 1) nearly all lie beyond 0.03"
    assert max(weight.abs().max() for weight in method.G.parameters()) > 0.03


def test_a_clipped_linear_critic_is_best_at_its_corners():
    """max over |w| <= c of w · (x - x_fake) is c times the 1-norm, at w = c sign(x - x_fake)."""
    gap, clip = torch.tensor([0.5, -2.0, 0.01]), 0.1
    w = torch.zeros(3, requires_grad=True)
    optimizer = torch.optim.RMSprop([w], lr=5e-3)
    for _ in range(200):
        optimizer.zero_grad()
        (-w @ gap).backward()
        optimizer.step()
        with torch.no_grad():
            w.clamp_(-clip, clip)
    assert torch.equal(w.detach(), clip * gap.sign())
    assert (w @ gap).item() == pytest.approx(clip * gap.abs().sum().item())


def test_the_order_of_steps_is_that_of_the_released_code():
    """100 steps of the critic for G's first 25 and each 500th, else 5, counted one by one."""
    expected, done = set(), 0
    for moved in range(1100):
        done += 100 if moved < 25 or moved % 500 == 0 else 5
        expected.add(done - 1)
    found = {step for step in range(done) if wgan.moves_generator(step, 5, 100)}
    assert found == expected


def test_a_bound_of_nothing_is_refused():
    with pytest.raises(ValueError, match="clip is 0"):
        build(clip=0.0)
