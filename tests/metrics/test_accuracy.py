"""Classification accuracy scores on scikit-learn's real digits."""

from __future__ import annotations

import pytest
import torch
from shortcuts import lessons

from imggen.data import datasets
from imggen.metrics import accuracy
from imggen.metrics.accuracy import gan_test, gan_train, train_and_test


@pytest.fixture(scope="module")
def sets():
    train, test = datasets.load("digits", "train"), datasets.load("digits", "test")
    return train.pixels, train.labels, test.pixels, test.labels


def test_real_digits_teach_and_are_known(sets):
    x, y, real, labels = sets
    found = gan_train(x, y, real, labels)
    assert found.value > 0.9 and found.fake is None and len(found.real) == len(real)
    low, high = found.interval()
    assert low < found.value < high


def share(x, y, real, labels) -> float:
    """Of the real digits read rightly, after a sixth of the steps."""
    return train_and_test(x, y, real, labels, seed=0, steps=100).double().mean().item()


def test_wrong_labels_teach_nothing(sets):
    x, y, real, labels = sets
    shuffled = y[torch.randperm(len(y), generator=torch.Generator().manual_seed(0))]
    assert share(x, shuffled, real, labels) < 0.3


def test_dropped_classes_can_not_be_learned_but_the_rest_is_recognised(sets, monkeypatch):
    x, y, real, labels = sets
    kept = y < 5
    assert share(x[kept], y[kept], real, labels) < 0.6
    lessons(monkeypatch, 150)  # a quarter is enough for these
    assert gan_test(x[kept], y[kept], real, labels).value > 0.85


def test_the_same_seed_gives_the_same_answers_and_leaves_the_global_state(sets):
    x, y, real, labels = sets
    state = torch.get_rng_state()
    first = train_and_test(x, y, real, labels, seed=1, steps=20)
    assert torch.equal(first, train_and_test(x, y, real, labels, seed=1, steps=20))
    assert not torch.equal(first, train_and_test(x, y, real, labels, seed=2, steps=20))
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize(
    ("case", "says"),
    [
        ("labels", "labels"),
        ("one class", "single class"),
        ("shapes", "resize"),
        ("floats", "uint8"),
        ("none", "uint8"),
    ],
)
def test_bad_sets_are_refused(sets, case, says, monkeypatch):
    monkeypatch.setattr(accuracy, "_fit", lambda *taught: None)  # other shapes are seen afterwards
    x, y, real, labels = sets
    if case == "labels":
        y = y[:-1]
    elif case == "one class":
        y = torch.zeros_like(y)
    elif case == "shapes":
        x = x[..., :-1]
    else:
        x, y = (x.float() / 255, y) if case == "floats" else (x[:0], y[:0])
    with pytest.raises(ValueError, match=says):
        gan_train(x, y, real, labels)
