"""Copies, near copies and what only looks like them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import mannwhitneyu
from shortcuts import bootstraps

from imggen.metrics import memorisation
from imggen.metrics.memorisation import authenticity, data_copying, near_copies, nearest


def three_sets(seed: int, n: int = 1500, m: int = 500, d: int = 6):
    generator = np.random.default_rng(seed)
    draw = lambda size: generator.normal(size=(size, d)) * np.arange(1, d + 1) + 50  # noqa: E731
    return draw(n), draw(m), draw(m)


def copycat(train: np.ndarray, m: int, noise: float = 0.01) -> np.ndarray:
    generator = np.random.default_rng(0)
    chosen = train[generator.integers(0, len(train), m)]
    return chosen + noise * generator.normal(size=chosen.shape)


@pytest.mark.parametrize("block", [17, 500])
def test_nearest_neighbours_equal_brute_force(block, monkeypatch):
    monkeypatch.setattr(memorisation, "BLOCK", block)
    train, _, fake = three_sets(0, 300, 120)
    distances, names = nearest(fake, train, k=3)
    all_pairs = cdist(fake, train)
    np.testing.assert_array_equal(names, np.argsort(all_pairs, axis=1)[:, :3])
    np.testing.assert_allclose(distances, np.sort(all_pairs, axis=1)[:, :3], rtol=1e-12)


def test_a_search_made_before_gives_the_same_numbers():
    train, test, fake = three_sets(6)
    near = nearest(fake, train), nearest(test, train)
    assert authenticity(fake, train, near[0]).value == authenticity(fake, train).value
    known = data_copying(fake, test, train, near)
    assert known.value == data_copying(fake, test, train).value


def test_authenticity_is_its_definition_and_one_half_for_new_samples():
    train, _, fake = three_sets(1)
    cross, own = cdist(fake, train), cdist(train, train)
    np.fill_diagonal(own, np.inf)
    name = cross.argmin(1)
    expected = (cross.min(1) > own.min(1)[name]).mean()
    found = authenticity(fake, train)
    assert found.value == expected
    assert found.value == pytest.approx(0.5, abs=0.12)
    assert authenticity(copycat(train, 500), train).value < 0.02


def near_copies_of(fake, held_out, train):
    return near_copies(nearest(fake, train), nearest(held_out, train))


def test_near_copies_are_one_percent_of_new_samples_and_all_copies():
    train, test, fake = three_sets(2)
    low, high = near_copies_of(fake, test, train).interval()
    assert low <= 0.01 <= high
    assert near_copies_of(copycat(train, 500), test, train).value == 1
    few = np.concatenate([fake[:475], copycat(train, 25)])
    assert near_copies_of(few, test, train).value == pytest.approx(0.06, abs=0.02)
    assert abs(data_copying(few, test, train).value) < 3, "C_T misses the few copies"


@pytest.mark.slow
@pytest.mark.parametrize("held", [200, 1000])
def test_near_copies_of_new_samples_are_one_percent_however_few_are_held_out(held):
    """Only the distances matter: any distribution will do, and half of it has another one."""
    values, covered = [], 0
    for seed in range(150):
        generator = np.random.default_rng(seed)
        distances = [generator.exponential(size=(n, 1)) for n in (2000, held)]
        found = near_copies(*((d, np.zeros(d.shape, dtype=int)) for d in distances))
        low, high = found.interval()
        values.append(found.value)
        covered += low <= 0.01 <= high
    assert np.mean(values) == pytest.approx(0.01, abs=0.001)
    assert 0.88 <= covered / 150 <= 0.98


def test_data_copying_is_a_weighted_mann_whitney_test():
    train, test, fake = three_sets(3)
    from_train = lambda x: cdist(x, train).min(1)  # noqa: E731
    n, m = len(fake), len(test)
    u = mannwhitneyu(from_train(fake), from_train(test)).statistic
    z = (u - n * m / 2) / np.sqrt(n * m * (n + m + 1) / 12)
    assert data_copying(fake, test, train, cells=1).value == pytest.approx(z)


def test_data_copying_is_standard_normal_without_copies_and_far_below_with(monkeypatch):
    bootstraps(monkeypatch, 1000)
    values = []
    for seed in range(40):
        train, test, fake = three_sets(seed, 400, 300)
        found = data_copying(fake, test, train, cells=1)
        values.append(found.value)
        low, high = found.interval()
        assert high - low == pytest.approx(2 * 1.96, rel=0.25)
    assert abs(np.mean(values)) < 0.45 and 0.75 < np.std(values) < 1.25
    train, test, fake = three_sets(99)
    assert data_copying(copycat(train, 500), test, train).value < -5
    assert data_copying(fake + 4, test, train).value > 5


def test_identical_images_are_counted_exactly():
    hashes = [b"a", b"b", b"a", b"c"]
    assert memorisation.repeated(hashes).value == 0.5
    assert memorisation.copied(hashes, [b"c", b"x"]).value == 0.25
    with pytest.raises(ValueError, match="no generated samples"):
        memorisation.repeated([])


def test_too_few_samples_are_refused():
    train, test, fake = three_sets(4, 60, 30)
    with pytest.raises(ValueError, match="200 held-out samples"):
        near_copies_of(fake, test, train)
    same = np.concatenate([train[:10], three_sets(5, 60, 250)[1]])
    with pytest.raises(ValueError, match="of the held-out samples coincide"):
        near_copies_of(fake, same, train)
    with pytest.raises(ValueError, match="No cell"):
        data_copying(fake[:10], test, train)
    with pytest.raises(ValueError, match="dimensions"):
        authenticity(fake[:, :3], train)
    with pytest.raises(ValueError, match="nearest neighbours were asked"):
        nearest(fake, train[:2], k=3)
