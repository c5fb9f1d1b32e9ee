"""Uncertainty by half-sampling: against brute force, and what it says of two generators."""

from __future__ import annotations

import numpy as np
import pytest
from simulated import holding

from imggen.metrics import clipped
from imggen.metrics.certainty import estimate, halves
from imggen.metrics.neighbours import neighbourhoods


def sets(case: str) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    if case == "spread":
        return generator.normal(size=(301, 5)), 1.2 * generator.normal(size=(260, 5))
    if case == "collapsed":  # every generated point lies in every ball
        return generator.normal(size=(300, 60)), 0.01 * generator.normal(size=(280, 60))
    return np.repeat(generator.normal(size=(100, 4)), 3, axis=0), generator.normal(size=(200, 4))


@pytest.mark.parametrize("case", ["spread", "collapsed", "repeated"])
def test_each_half_is_measured_as_if_there_were_no_other(case, monkeypatch):
    for module in ("neighbours", "distances"):
        monkeypatch.setattr(f"imggen.metrics.{module}.BLOCK", 64)
    real, fake = sets(case)
    whole = neighbourhoods(real, fake)
    in_real, in_fake = halves.cuts(len(real), 0), halves.cuts(len(fake), 1)
    for cut in (0, 17, 49):
        for half, (a, b) in enumerate(
            [(in_real[cut], in_fake[cut]), (~in_real[cut], ~in_fake[cut])]
        ):
            part = neighbourhoods(real[a], fake[b], intervals=False)
            for name in ("precision", "recall", "density", "coverage"):
                expected = getattr(part, name)
                assert whole.parts[name][half, cut] == pytest.approx(expected, abs=1e-6), name
            density = np.minimum(part.clipped_balls / 5, 1).mean()
            density /= np.minimum(part.clipped_own / 5, 1).mean()
            # Equally far copies may fall on either side of a radius in float32.
            assert whole.parts["clipped_density"][half, cut] == pytest.approx(density, abs=5e-3)
            shares = np.minimum(part.held / 5, 1).mean()
            assert whole.parts["clipped_coverage"][half, cut] == pytest.approx(shares)


def test_cuts_are_halves_and_the_same_again():
    for n in (7, 100):
        members = halves.cuts(n, 3)
        assert members.shape == (halves.CUTS, n)
        assert (members.sum(axis=1) == n // 2).all()
        np.testing.assert_array_equal(members, halves.cuts(n, 3))
    assert (halves.cuts(100, 3) != halves.cuts(100, 4)).any()


def test_halves_know_the_deviation_of_a_plain_mean():
    x = np.random.default_rng(1).normal(size=1000)
    parts = halves.means(np.tile(x, (halves.CUTS, 1)), halves.cuts(1000, 0))
    deviation = halves.deviation(halves.differences(parts))
    assert deviation == pytest.approx(x.std() / np.sqrt(1000), rel=0.3)


@pytest.mark.slow
def test_equal_generators_differ_once_in_twenty_and_unlike_ones_always():
    """With the same real set for both, and paired in it; and intervals cover what they claim.

    The truth is the metric's mean over all simulations.
    """
    found: dict[str, list[float]] = {}
    alone: dict[str, list[estimate.Estimate]] = {}
    for seed in range(100):
        generator = np.random.default_rng(seed)
        real = generator.normal(size=(300, 4))
        first, second = (
            neighbourhoods(real, 1.2 * generator.normal(size=(300, 4))) for _ in range(2)
        )
        pairs = {name: (e, second.estimates()[name]) for name, e in first.estimates().items()}
        pairs["clipped_coverage"] = (
            clipped.clipped_coverage(first),
            clipped.clipped_coverage(second),
        )
        for name, pair in pairs.items():
            alone.setdefault(name, []).extend(pair)
            found.setdefault(name, []).append(estimate.compare(*pair).p_value)
    for name, values in found.items():
        assert 0.01 <= np.mean(np.array(values) < 0.05) <= 0.09, name
    for name, each in alone.items():
        assert 0.92 <= holding(each) <= 0.98, name
    generator = np.random.default_rng(0)
    real = generator.normal(size=(600, 4))
    near, far = (neighbourhoods(real, s * generator.normal(size=(600, 4))) for s in (1, 1.4))
    apart = estimate.compare(near.estimates()["precision"], far.estimates()["precision"])
    assert apart.p_value < 1e-3 and apart.interval[0] > 0.05


def test_an_effective_number_widens_wilsons_interval():
    alone = estimate.Estimate(0.5, fake=np.zeros(400), share=True)
    same = np.full(halves.CUTS, 0.025)  # what 400 independent samples have
    shaken = estimate.Estimate(0.5, fake=np.zeros(400), share=True, halves=2 * same)
    low, high = alone.interval()
    wide = shaken.interval()
    assert wide[1] - wide[0] == pytest.approx(2 * (high - low), rel=0.05)
    full = estimate.Estimate(1.0, fake=np.zeros(400), share=True, halves=0 * same)
    assert full.interval()[1] == 1 and 0.98 < full.interval()[0] < 1


def test_no_share_leaves_its_interval():
    """Rounding once put the bounds of 0 and 1 on their wrong side."""
    for n in range(1, 700):
        for z in (1.959964, halves.quantile(0.95)):
            assert estimate.share_interval(0.0, n, z)[0] == 0
            assert estimate.share_interval(1.0, n, z)[1] == 1


def test_none_of_five_and_five_of_five_differ_as_far_as_five_can_tell():
    all_of, none_of = (
        estimate.Estimate(share, fake=np.zeros(5), share=True) for share in (1.0, 0.0)
    )
    found = estimate.compare(all_of, none_of)
    assert 0.001 < found.p_value < 0.01 and found.interval[0] < 0.6
    with pytest.raises(ValueError, match="no influences and no halves"):
        estimate.Estimate(0.5).interval()
    with pytest.raises(ValueError, match="compares only with one of its kind"):
        estimate.compare(estimate.Estimate(0.5), all_of)


@pytest.mark.parametrize("scale", [1e-25, 1e-6, 1e8, 1e25])
def test_no_scale_of_features_changes_a_neighbour(scale):
    real, fake = sets("spread")
    one, other = neighbourhoods(real, fake), neighbourhoods(scale * real, scale * fake)
    for name in ("precision", "recall", "density", "coverage"):
        assert getattr(one, name) == getattr(other, name)
        np.testing.assert_allclose(one.parts[name], other.parts[name], atol=0.02)


@pytest.mark.parametrize("kind", [np.float16, np.longdouble, np.int32])
def test_every_kind_of_number_is_taken(kind):
    real, fake = (np.round(20 * x) for x in sets("spread"))
    expected = neighbourhoods(real, fake)
    found = neighbourhoods(real.astype(kind), fake.astype(kind))
    assert (found.precision, found.recall) == (expected.precision, expected.recall)


def test_tight_clusters_far_apart_have_the_halves_that_they_should():
    """Their float32 distances are noise; those of copies are 0, not about 0."""
    generator = np.random.default_rng(0)
    angles = generator.integers(0, 8, (2, 400)) * np.pi / 4
    real, fake = (
        30 * np.stack([np.cos(a), np.sin(a)], 1) + 0.01 * generator.normal(size=(400, 2))
        for a in angles
    )
    for x, y in ((real, fake), (np.repeat(real[:10], 40, axis=0), fake)):
        found = neighbourhoods(x, y)
        in_real, in_fake = halves.cuts(400, 0)[0], halves.cuts(400, 1)[0]
        part = neighbourhoods(x[in_real], y[in_fake], intervals=False)
        for name in ("precision", "recall", "density", "coverage"):
            assert found.parts[name][0, 0] == pytest.approx(getattr(part, name), abs=0.01), name


def test_a_diverged_sample_does_not_slow_the_search(monkeypatch):
    """One sample a thousand times too large: counted by the pairs that are taken in float64."""
    generator = np.random.default_rng(0)
    real, fake = generator.normal(size=(2, 600, 20))
    pairs = []
    plain = neighbourhoods.__globals__["exact_pairs"]
    for module in ("neighbours", "distances"):
        monkeypatch.setattr(
            f"imggen.metrics.{module}.exact_pairs",
            lambda a, i, b, j: pairs.append(len(i)) or plain(a, i, b, j),
        )
    neighbourhoods(real, fake)
    before = sum(pairs)
    pairs.clear()
    fake[7] *= 1000
    neighbourhoods(real, fake)
    assert sum(pairs) < 1.5 * before + 5000
