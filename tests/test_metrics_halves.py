"""Uncertainty by half-sampling: against brute force, and what it says of two generators."""

from __future__ import annotations

import numpy as np
import pytest

from imggen.metrics import bootstrap, clipped, halves
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
    """With the same real set for both, and paired in it."""
    found: dict[str, list[float]] = {}
    for seed in range(200):
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
            found.setdefault(name, []).append(bootstrap.compare(*pair).p_value)
    for name, values in found.items():
        assert 0.01 <= np.mean(np.array(values) < 0.05) <= 0.09, name
    generator = np.random.default_rng(0)
    real = generator.normal(size=(600, 4))
    near, far = (neighbourhoods(real, s * generator.normal(size=(600, 4))) for s in (1, 1.4))
    apart = bootstrap.compare(near.estimates()["precision"], far.estimates()["precision"])
    assert apart.p_value < 1e-3 and apart.interval[0] > 0.05


def test_an_effective_number_widens_wilsons_interval():
    alone = bootstrap.Estimate(0.5, fake=np.zeros(400), share=True)
    same = np.full(halves.CUTS, 0.025)  # what 400 independent samples have
    shaken = bootstrap.Estimate(0.5, fake=np.zeros(400), share=True, halves=2 * same)
    low, high = alone.interval()
    wide = shaken.interval()
    assert wide[1] - wide[0] == pytest.approx(2 * (high - low), rel=0.05)
    full = bootstrap.Estimate(1.0, fake=np.zeros(400), share=True, halves=0 * same)
    assert full.interval()[1] == 1 and 0.98 < full.interval()[0] < 1
