"""The short list says what the long one says."""

from __future__ import annotations

import pytest

from imggen.data import datasets
from imggen.evaluation.evaluate import evaluate, gather
from imggen.evaluation.short import short_scores


def test_it_has_the_values_and_intervals_of_the_whole_list():
    test, train = (datasets.load("digits", split) for split in ("test", "train"))
    made = train.subset(train.labels != 3)
    sets = gather(test, made, train)
    found = short_scores(sets.real, sets.fake, sets.train)
    whole = evaluate(sets)["metrics"]
    assert set(found) == {"frechet_distance", "precision", "recall", "coverage", "near_copies"}
    for name, entry in found.items():
        assert entry["value"] == pytest.approx(whole[name]["value"]), name
        assert entry["interval"] == pytest.approx(whole[name]["interval"]), name
