"""Vendi score, pairwise diversity, precision-recall curves, mode counts, clipped neighbours."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist, pdist
from scipy.stats import betabinom
from shortcuts import bootstraps
from simulated import holding
from vendi_score import vendi

from imggen.metrics import clipped, modes, pairwise, prd
from imggen.metrics import vendi as ours
from imggen.metrics.certainty import halves
from imggen.metrics.certainty.estimate import Estimate
from imggen.metrics.neighbours import neighbourhoods


def check_influences(estimate, sets, sides=("real", "fake"), tolerance=0.05):
    """Leaving a sample out moves the value by -influence / (n - 1), to first order."""
    found: Estimate = estimate(*sets)
    for side, name in enumerate(sides):
        moves, changes = getattr(found, name), []
        for i in range(40):
            left = [np.delete(s, i, 0) if at == side else s for at, s in enumerate(sets)]
            changes.append(estimate(*left).value - found.value)
        predicted = -moves[:40] / (len(moves) - 1)
        assert np.corrcoef(predicted, changes)[0, 1] > 0.99
        assert np.polyfit(predicted, changes, 1)[0] == pytest.approx(1, abs=tolerance)


def test_vendi_is_the_published_toy_values():
    values = np.array([0, 0, 10, 10, 20, 20])
    kernel = np.exp(-np.abs(values[:, None] - values))
    assert ours.vendi_from_kernel(kernel) == pytest.approx(2.9999, abs=1e-4)
    small = np.array([[1, 0.9, 0], [0.9, 1, 0], [0, 0, 1]])
    assert ours.vendi_from_kernel(small) == pytest.approx(2.1573, abs=1e-4)


@pytest.mark.parametrize("shape", [(200, 12), (30, 50)])
def test_vendi_equals_the_authors_package(shape):
    x = np.random.default_rng(0).normal(size=shape) + 0.5
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    found = ours.vendi_score(x).value
    assert found == pytest.approx(vendi.score_dual(unit), rel=1e-6)
    assert found == pytest.approx(ours.vendi_from_kernel(unit @ unit.T), rel=1e-6)


def test_vendi_counts_directions_and_knows_each_samples_part():
    assert ours.vendi_score(np.repeat(np.eye(7), 5, axis=0)).value == pytest.approx(7)
    assert ours.vendi_score(np.ones((50, 3))).value == pytest.approx(1)
    x = np.random.default_rng(1).normal(size=(500, 6)) + 1
    check_influences(ours.vendi_score, (x,), sides=("fake",))


def test_pairwise_diversity_is_the_mean_over_all_pairs():
    generator = np.random.default_rng(2)
    real, fake = generator.normal(size=(60, 5)), 0.5 * generator.normal(size=(50, 5)) + 3
    expected = np.mean(pdist(fake) ** 2) / np.mean(pdist(real) ** 2)
    assert pairwise.pairwise_diversity(real, fake).value == pytest.approx(expected)
    dropped = pairwise.pairwise_diversity(real, np.concatenate([fake[:5]] * 10)).value
    assert dropped < 0.95 * expected
    sets = generator.normal(size=(300, 4)), generator.normal(size=(200, 4))
    check_influences(pairwise.pairwise_diversity, sets)


def test_curves_of_known_histograms():
    p = np.array([0.25, 0.25, 0.5, 0.0])
    precision, recall = prd.curve(p, p)
    assert precision.max() == pytest.approx(1) and recall.max() == pytest.approx(1)
    nothing = prd.curve(np.array([1.0, 0.0]), np.array([0.0, 1.0]))
    assert np.max(nothing) == 0
    # Two of four equal modes: all generated are real ones, half of the real ones are reached.
    half = np.array([0.5, 0.5, 0.0, 0.0])
    precision, recall = prd.curve(np.full(4, 0.25), half)
    line = prd.slopes()
    np.testing.assert_allclose(precision, np.minimum(line / 2, 1), atol=1e-9)
    np.testing.assert_allclose(recall, np.minimum(0.5, 1 / line), atol=1e-9)


def clusters_of(generator, shares, n):
    centres = 10 * np.eye(len(shares))
    which = generator.choice(len(shares), n, p=shares)
    return centres[which] + 0.1 * generator.normal(size=(n, len(shares)))


def test_prd_tells_dropped_from_invented_modes_and_is_symmetric():
    generator = np.random.default_rng(3)
    full = clusters_of(generator, [0.25] * 4, 400)
    part = clusters_of(generator, [0.5, 0.5, 0, 0], 400)
    dropped, invented = prd.prd(full, part, clusters=4), prd.prd(part, full, clusters=4)
    assert dropped.f1_8.value > 0.95 > 0.6 > dropped.f8.value > 0.45
    assert invented.f8.value == pytest.approx(dropped.f1_8.value, abs=0.02)
    same = prd.prd(full, clusters_of(generator, [0.25] * 4, 400), clusters=4)
    assert same.f8.value > 0.97 and same.f1_8.value > 0.97
    again = prd.prd(full, part, clusters=4)
    np.testing.assert_array_equal(again.precision, dropped.precision)


@pytest.mark.parametrize("beta", [8.0, 1 / 8])
def test_the_best_f_is_that_of_the_curve(beta):
    generator = np.random.default_rng(4)
    p, q = generator.dirichlet(np.ones(6), size=2)
    precision, recall = prd.curve(p, q, angles=200_001)
    f = (1 + beta**2) * precision * recall / np.maximum(beta**2 * precision + recall, 1e-12)
    found = prd.best_f(np.stack([p, q]), np.stack([q, p]), beta)
    assert found[0] == pytest.approx(f.max(), abs=1e-4)
    assert found[1] == pytest.approx(prd.best_f(p, q, 1 / beta)), "the roles are swapped"


def test_prd_intervals_know_how_other_draws_differ(monkeypatch):
    shares = np.random.default_rng(4).dirichlet(np.ones(6), size=2)
    labels = lambda real, fake, *_: (real[:, 0].astype(int), fake[:, 0].astype(int))  # noqa: E731
    monkeypatch.setattr(prd, "assign", labels)
    values: dict[str, list[float]] = {"f8": [], "f1_8": []}
    deviations: dict[str, list[float]] = {"f8": [], "f1_8": []}
    for seed in range(80):
        generator = np.random.default_rng(seed)
        drawn = [generator.choice(6, 1000, p=s)[:, None].astype(float) for s in shares]
        found = prd.prd(*drawn, clusters=6, runs=1)
        for name in values:
            values[name].append(getattr(found, name).value)
            deviations[name].append(halves.deviation(getattr(found, name).halves))
    for name in values:
        assert np.mean(deviations[name]) == pytest.approx(np.std(values[name]), rel=0.25)


def test_modes_and_their_divergence_are_counted_exactly():
    found = modes.label_modes(np.array([0, 0, 1, 1]), 4)
    assert (found.found, found.of) == (2, 4)
    assert found.divergence.value == pytest.approx(np.log(2))
    even = modes.label_modes(np.arange(40) % 4, 4)
    assert even.found == 4 and even.divergence.value == pytest.approx(0)
    uneven = modes.label_modes(np.array([0, 0, 0, 1]), 2, reference=np.array([3, 1]))
    assert uneven.divergence.value == pytest.approx(0)
    assert modes.stacked_labels(np.array([[1, 2, 3], [0, 0, 9]])).tolist() == [123, 9]
    drawn = np.random.default_rng(0).integers(0, 100, (200, 300))
    counted = [modes.count_modes(labels, 100) for labels in drawn]
    truth = 100 * (1 - 0.99**300)
    assert np.mean([c.value for c in counted]) == pytest.approx(truth, abs=0.3)
    assert 0.92 <= holding(counted, truth) <= 1
    with pytest.raises(ValueError, match="no real ones"):
        modes.label_modes(np.array([1]), 2, reference=np.array([1, 0]))
    with pytest.raises(ValueError, match="not below 3"):
        modes.label_modes(np.array([3]), 3)


@pytest.mark.parametrize(
    ("draw", "count", "sigma"), [(modes.ring, 8, 0.01), (modes.grid, 25, 0.05)]
)
def test_points_on_a_ring_and_a_grid(draw, count, sigma):
    points, centres = draw(4000, np.random.default_rng(5))
    found, good = modes.point_modes(points, centres, sigma)
    assert found.found == count == len(centres)
    # Within three deviations in two dimensions: 1 - exp(-9/2).
    assert good.value == pytest.approx(1 - np.exp(-4.5), abs=0.005)
    kept = points[np.linalg.norm(points - centres[0], axis=1) < 3 * sigma]
    one, all_good = modes.point_modes(kept, centres, sigma)
    assert one.found == 1 and all_good.value == 1
    assert one.divergence.value == pytest.approx(np.log(count))
    with pytest.raises(ValueError, match="No point"):
        modes.point_modes(points + 100, centres, sigma)


def test_clipped_counts_are_their_definition():
    generator = np.random.default_rng(6)
    real, fake = generator.normal(size=(150, 4)), 1.2 * generator.normal(size=(120, 4))
    found = neighbourhoods(real, fake, 3, 5)
    own = cdist(real, real)
    radius = np.sort(own, axis=1)[:, 5]
    short = np.minimum(radius, np.median(radius))
    cross = cdist(real, fake)
    np.testing.assert_array_equal(found.held, (cross < radius[:, None]).sum(1))
    np.testing.assert_array_equal(found.clipped_balls, (cross < short[:, None]).sum(0))
    inside = own <= short[:, None]
    np.fill_diagonal(inside, False)
    np.testing.assert_array_equal(found.clipped_own, inside.sum(0))
    density = np.minimum((cross < short[:, None]).sum(0) / 5, 1).mean()
    density /= np.minimum(inside.sum(0) / 5, 1).mean()
    assert clipped.clipped_density(found).value == pytest.approx(density)


def test_clipped_coverage_is_calibrated_by_the_beta_binomial():
    n, m, k = 60, 40, 5
    j = np.arange(m + 1)
    expected = [(np.minimum(j, k) * betabinom(g, k, n - k).pmf(j)).sum() / k for g in range(m + 1)]
    np.testing.assert_allclose(clipped.expected_share(n, m, k), expected, atol=1e-9)


def test_clipped_metrics_fall_in_proportion_to_the_share_of_bad_samples():
    generator = np.random.default_rng(7)
    real = generator.normal(size=(2000, 8))
    for bad in (0.0, 0.3, 0.6):
        fake = generator.normal(size=(2000, 8))
        fake[: int(2000 * bad)] += 100
        found = neighbourhoods(real, fake)
        assert clipped.clipped_density(found).value == pytest.approx(1 - bad, abs=0.05)
        assert clipped.clipped_coverage(found).value == pytest.approx(1 - bad, abs=0.05)


@pytest.mark.parametrize("ratio", [1, 5, 100])
def test_the_divergence_of_classes_counts_with_the_real_sample(ratio, monkeypatch):
    """Both sets are drawn anew: 95 % intervals that take the real shares as known hold 73-90 %."""
    bootstraps(monkeypatch, 300)
    shares = ratio ** -np.linspace(0, 1, 10)
    shares /= shares.sum()
    found = []
    for seed in range(200):
        generator = np.random.default_rng(seed)
        real, fake = generator.integers(0, 10, 500), generator.choice(10, 500, p=shares)
        found.append(modes.against_labels(fake, real, 10))
    assert 0.91 <= holding(found) <= 1


def test_the_divergence_of_stacked_digits_knows_what_one_real_image_moves():
    generator = np.random.default_rng(0)
    real, fake = generator.integers(0, 10, (400, 3)), generator.integers(0, 4, (4000, 3))
    check_influences(
        lambda r, f: modes.stacked_divergence(f, r, smoothing=0), (real, fake), tolerance=0.1
    )


def test_modes_beyond_all_good_samples_still_differ_between_halves():
    generator = np.random.default_rng(0)
    real, fake = generator.normal(size=(2, 200, 16))
    found = clipped.clipped_coverage(neighbourhoods(real, fake))
    assert found.value <= 1 and np.std(found.halves) > 0
    assert found.interval()[1] <= 1
