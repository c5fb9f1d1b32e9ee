"""Metrics against closed forms and against the reference implementations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prdc import compute_prdc
from shortcuts import bootstraps
from simulated import holding
from torch_fidelity.metric_fid import fid_statistics_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric

from imggen.metrics import classifier, frechet, kid
from imggen.metrics.certainty import estimate
from imggen.metrics.frechet import frechet_distance
from imggen.metrics.neighbours import neighbourhoods


def pair(seed: int, n: int, m: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    mixing = generator.normal(size=(d, d))
    real = generator.normal(size=(n, d)) @ mixing
    return real, 0.9 * generator.normal(size=(m, d)) @ mixing + 0.2


def test_frechet_of_diagonal_gaussians_is_the_closed_form():
    a = frechet.Gaussian(np.array([0.0, 1.0]), np.diag([4.0, 9.0]))
    b = frechet.Gaussian(np.array([3.0, 1.0]), np.diag([1.0, 16.0]))
    # |mu|^2 + sum (s_a - s_b)^2
    assert frechet.between(a, b) == pytest.approx(9 + (2 - 1) ** 2 + (3 - 4) ** 2, rel=1e-12)


@pytest.mark.parametrize("n", [400, 3000])
def test_frechet_equals_torch_fidelity(n):
    real, fake = pair(0, n, n + 50, 64)
    p, q = frechet.fit(real), frechet.fit(fake)
    theirs = fid_statistics_to_metric(
        {"mu": p.mean, "sigma": p.covariance}, {"mu": q.mean, "sigma": q.covariance}, verbose=False
    )["frechet_inception_distance"]
    assert frechet_distance(real, fake) == pytest.approx(theirs, rel=1e-6)


@pytest.mark.parametrize("n", [60, 900])
def test_frechet_equals_pytorch_fid_and_clean_fid(n):
    """With fewer samples than dimensions theirs take the square root of a singular matrix."""
    from cleanfid.fid import frechet_distance as clean_fid
    from pytorch_fid.fid_score import calculate_frechet_distance as pytorch_fid

    real, fake = pair(8, n, n + 10, 64)
    p, q = frechet.fit(real), frechet.fit(fake)
    for theirs in (clean_fid, pytorch_fid):
        expected = theirs(p.mean, p.covariance, q.mean, q.covariance)
        assert frechet_distance(real, fake) == pytest.approx(expected, rel=1e-6 if n > 64 else 1e-3)


def test_the_extrapolated_distance_has_no_bias_and_compares_across_n():
    generator = np.random.default_rng(9)
    finite, infinite = [], []
    for n in (150, 600):
        pairs = [generator.normal(size=(2, n, 20)) for _ in range(40)]
        finite.append(np.mean([frechet_distance(x, y) for x, y in pairs]))
        infinite.append(np.mean([frechet.frechet_infinity(x, y) for x, y in pairs]))
    assert finite[0] > 3 * finite[1] > 0.5, "the plain distance depends on n"
    assert abs(infinite[0]) < 0.1 * finite[0] and abs(infinite[1]) < 0.1 * finite[0]
    with pytest.raises(ValueError, match="more than 40 samples"):
        frechet.frechet_infinity(*pairs[0][:, :40])


def test_frechet_with_fewer_samples_than_dimensions_is_the_nuclear_norm_form():
    real, fake = pair(1, 30, 20, 80)
    x, y = real - real.mean(0), fake - fake.mean(0)
    cross = np.linalg.norm(x @ y.T, "nuc") / np.sqrt((len(x) - 1) * (len(y) - 1))
    shift = real.mean(0) - fake.mean(0)
    expected = shift @ shift + (x**2).sum() / (len(x) - 1) + (y**2).sum() / (len(y) - 1) - 2 * cross
    assert frechet_distance(real, fake) == pytest.approx(expected, rel=1e-8)


def test_frechet_bias_falls_as_one_over_n():
    """True distance 0, 64 dimensions, power-law spectrum."""
    generator = np.random.RandomState(2)
    spectrum = np.arange(1, 65) ** -0.5
    bias = []
    for n in (500, 5000):
        a, b = (generator.randn(n, 64) * spectrum for _ in range(2))
        bias.append(frechet_distance(a, b))
    assert bias[0] / bias[1] == pytest.approx(10, rel=0.15)


def test_frechet_influences_predict_what_one_sample_changes():
    real, fake = pair(3, 800, 900, 6)
    value = frechet_distance(real, fake)
    found = frechet.estimate(real, fake)
    for side, moves in enumerate((found.real, found.fake)):
        n, changes = len(moves), []
        for i in range(40):
            sets = [real, fake]
            sets[side] = np.delete(sets[side], i, 0)
            changes.append(frechet_distance(*sets) - value)
        # Leaving sample i out moves a mean of influences by -influence_i / (n - 1).
        predicted = -moves[:40] / (n - 1)
        assert np.corrcoef(predicted, changes)[0, 1] > 0.999
        assert np.polyfit(predicted, changes, 1)[0] == pytest.approx(1, abs=0.03)


def test_kid_over_subsets_equals_torch_fidelity():
    import torch

    real, fake = pair(4, 700, 600, 32)
    theirs = kid_features_to_metric(
        torch.from_numpy(fake),
        torch.from_numpy(real),
        kid_subsets=12,
        kid_subset_size=300,
        rng_seed=2020,
        verbose=False,
    )
    mean, deviation = kid.kid_subsets(real, fake, subsets=12, size=300)
    assert mean == pytest.approx(theirs["kernel_inception_distance_mean"], rel=1e-6)
    assert deviation == pytest.approx(theirs["kernel_inception_distance_std"], rel=1e-6)


def test_kid_over_all_pairs_is_the_definition(monkeypatch):
    monkeypatch.setattr(kid, "BLOCK", 37)
    real, fake = pair(5, 100, 80, 8)
    xx, yy, xy = kid.kernel(real, real), kid.kernel(fake, fake), kid.kernel(real, fake)
    expected = (xx.sum() - np.trace(xx)) / (100 * 99) + (yy.sum() - np.trace(yy)) / (80 * 79)
    assert kid.kid(real, fake) == pytest.approx(expected - 2 * xy.mean(), rel=1e-9)


def test_kid_is_unbiased_and_may_be_negative():
    generator = np.random.default_rng(6)
    values = [kid.kid(*generator.normal(size=(2, 100, 8))) for _ in range(300)]
    assert abs(np.mean(values)) < 4 * np.std(values) / np.sqrt(len(values))
    assert 0.3 < np.mean(np.array(values) < 0) < 0.7


@pytest.mark.parametrize("k", [3, 5])
@pytest.mark.parametrize("case", ["gaussians", "ring", "duplicates", "grey levels"])
def test_neighbours_equal_prdc_exactly(case, k, monkeypatch):
    for module in ("neighbours", "distances"):
        monkeypatch.setattr(f"imggen.metrics.{module}.BLOCK", 128)
    generator = np.random.default_rng(7)
    if case == "gaussians":
        real, fake = pair(7, 500, 400, 40)
    elif case == "ring":
        angles = np.arange(8) * np.pi / 4
        modes = 2 * np.stack([np.cos(angles), np.sin(angles)], 1)
        real = modes[generator.integers(0, 8, 600)] + 0.02 * generator.normal(size=(600, 2))
        fake = modes[generator.integers(0, 2, 500)] + 0.02 * generator.normal(size=(500, 2))
    elif case == "duplicates":
        real = generator.normal(size=(300, 10)) + 100
        fake = np.concatenate([np.repeat(real[:1], 200, 0), real[50:60]])
    else:
        real = generator.integers(0, 3, size=(400, 6)).astype(float)
        fake = generator.integers(0, 4, size=(350, 6)).astype(float)
    theirs = compute_prdc(real, fake, k)
    ours = neighbourhoods(real, fake, k, k)
    for name in ("precision", "recall", "density", "coverage"):
        assert getattr(ours, name) == pytest.approx(theirs[name], abs=1e-12), name


def test_neighbours_golden_values():
    """Computed with prdc 0.2, numpy 2.4.6 and scikit-learn 1.9.1."""
    generator = np.random.RandomState(0)
    real, fake = generator.randn(1000, 64), generator.randn(1000, 64)
    found = neighbourhoods(real, fake, 3, 5)
    assert (found.precision, found.recall) == (0.611, 0.631)
    assert (round(found.density, 3), found.coverage) == (0.947, 0.971)
    same = neighbourhoods(real, real, 5, 5)
    assert (same.precision, same.recall, same.coverage) == (1, 1, 1)
    assert same.density == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize(("radius", "sigma"), [(30, 0.01), (2, 0.001)])
def test_tight_clusters_far_apart_equal_prdc(radius, sigma):
    """Here float32 can't tell near points apart, since their norms are so much larger."""
    generator = np.random.default_rng(0)
    angles = generator.integers(0, 8, (2, 1000)) * np.pi / 4
    real, fake = (
        radius * np.stack([np.cos(a), np.sin(a)], 1) + sigma * generator.normal(size=(1000, 2))
        for a in angles
    )
    theirs, ours = compute_prdc(real, fake, 5), neighbourhoods(real, fake, 5, 5)
    for name, value in theirs.items():
        assert getattr(ours, name) == pytest.approx(value, abs=1e-12), name


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.01, 100))
def test_order_and_scale_change_no_neighbour(seed, scale):
    generator = np.random.default_rng(seed)
    real, fake = generator.normal(size=(60, 5)), generator.normal(size=(50, 5)) + 0.3
    a = neighbourhoods(real, fake)
    b = neighbourhoods(scale * generator.permutation(real), scale * generator.permutation(fake))
    assert (a.precision, a.recall, a.coverage) == (b.precision, b.recall, b.coverage)
    assert a.density == pytest.approx(b.density)


def test_classifier_score_of_certain_and_uncertain_logits():
    certain = 50.0 * np.eye(10)[np.arange(1000) % 10]
    assert classifier.classifier_score(certain) == pytest.approx(10, rel=1e-6)
    assert classifier.classifier_score(np.zeros((50, 10))) == pytest.approx(1)
    assert classifier.classifier_score(certain[::10]) == pytest.approx(1)


SIMULATIONS = 120


def estimates_of(generator: np.random.Generator) -> dict[str, estimate.Estimate]:
    """Two Gaussians, both sets drawn anew: no set of means or of pairs is given."""
    real, fake = generator.normal(size=(300, 4)), 0.8 * generator.normal(size=(300, 4)) + 0.4
    return {"frechet": frechet.estimate(real, fake), "kid": kid.estimate(real, fake)}


@pytest.mark.slow
def test_intervals_cover_what_they_claim(monkeypatch):
    """The truth is the metric's mean over all simulations; 2 % is one standard error.

    Those of neighbours are tested with their halves.
    """
    bootstraps(monkeypatch, 400)
    results = [estimates_of(np.random.default_rng(i)) for i in range(SIMULATIONS)]
    for name in results[0]:
        assert 0.92 <= holding([found[name] for found in results]) <= 0.98, name


@pytest.mark.parametrize(
    ("real", "fake", "says"),
    [
        (np.zeros((1, 3)), np.zeros((9, 3)), "needs 2 or more"),
        (np.zeros((9, 3)), np.full((9, 3), np.nan), "NaN"),
        (np.zeros((9, 3)), np.zeros((9, 4)), "dimensions"),
        (np.zeros(9), np.zeros((9, 3)), "expected (n, d)"),
    ],
)
@pytest.mark.parametrize("metric", [frechet_distance, kid.kid])
def test_bad_features_are_refused_in_one_sentence(metric, real, fake, says):
    with pytest.raises(ValueError, match=says.replace("(", r"\(").replace(")", r"\)")) as error:
        metric(real, fake)
    assert "\n" not in str(error.value)


def test_too_few_samples_for_k_are_refused():
    with pytest.raises(ValueError, match="needs 6 or more"):
        neighbourhoods(np.zeros((5, 2)), np.zeros((50, 2)), intervals=False)
    with pytest.raises(ValueError, match="needs 12 or more"):
        neighbourhoods(np.zeros((11, 2)), np.zeros((50, 2)))


def test_constant_features_have_zero_distance():
    constant = np.ones((20, 3))
    assert frechet_distance(constant, constant) == pytest.approx(0)
    assert kid.kid(constant, constant) == pytest.approx(0)
