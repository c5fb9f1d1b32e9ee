"""The Dirac-GAN: it turns without a penalty and arrives with R1, as fast as its eigenvalues say."""

from __future__ import annotations

import math

import numpy as np
import pytest

from imggen.studies.dirac import CLIP, RULES, Config, Rule, eigenvalue, logistic_slope, play


def radius(name: str, **settings) -> np.ndarray:
    return np.hypot(*play(RULES[name], Config(**settings)).T)


def test_without_a_penalty_it_never_arrives():
    """Alternating descent keeps the distance up to a bounded wobble."""
    found = radius("gan", steps=4000)
    assert found[-500:].min() > 0.8 * found[0]
    assert found.max() < 1.3 * found[0]


def test_clipping_bounds_the_slope_and_nothing_else():
    path = play(RULES["wgan"], Config(steps=4000, theta=1.5))
    assert abs(path[:, 1]).max() <= CLIP
    assert np.hypot(*path[-500:].T).max() > 0.5


def test_a_slope_of_one_everywhere_does_not_let_the_generator_rest():
    """WGAN-GP wants |psi| = 1 where it should be 0: the generator goes to and fro."""
    path = play(RULES["wgan_gp"], Config(steps=4000))
    assert abs(path[-200:, 1]).mean() > 0.5


def test_with_r1_it_arrives():
    found = radius("r1", steps=3000)
    assert found[-1] < 1e-6 * found[0]


def test_it_arrives_as_fast_as_the_eigenvalues_say():
    gamma, lr = 0.3, 0.002
    rule = Rule("", logistic_slope, lambda psi: -gamma * psi)
    found = eigenvalue(gamma)
    turn = round(2 * math.pi / (found.imag * lr))
    settings = Config(lr=lr, steps=turn, theta=0.01, psi=0.01)
    distance = np.hypot(*play(rule, settings).T)
    # After a whole turn the phase does not matter.
    assert math.log(distance[0] / distance[-1]) / (turn * lr) == pytest.approx(
        -found.real, rel=0.02
    )


def test_the_flow_has_the_eigenvalues_of_the_paper():
    """The Jacobian at the solution by finite differences of one small step."""
    gamma, lr, h = 0.5, 1e-4, 1e-5
    rule = Rule("", logistic_slope, lambda psi: -gamma * psi)
    columns = []
    for start in ((h, 0.0), (0.0, h)):
        path = play(rule, Config(lr=lr, steps=1, theta=start[0], psi=start[1]))
        columns.append((path[1] - path[0]) / (lr * h))
    found = np.linalg.eigvals(np.array(columns).T)
    expected = eigenvalue(gamma)
    assert sorted(found.real) == pytest.approx([expected.real] * 2, abs=1e-3)
    assert max(found.imag) == pytest.approx(expected.imag, abs=1e-3)
