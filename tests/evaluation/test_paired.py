"""Generators side by side: differences whose certainty is known."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from imggen.evaluation import paired, paired_report
from imggen.metrics.certainty.estimate import Estimate
from imggen.metrics.certainty.many import holm


def test_holm_by_hand():
    """The smallest is multiplied by 3, the next by 2, and none may fall below the one before."""
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([0.02]) == [0.02] and holm([]) == []


def test_what_test_images_do_to_both_drops_out():
    """Two values 0.1 apart whose intervals overlap, and a difference that is known to 0.02.

    The influences of 400 test images have deviation 4, so each value is uncertain by 0.2. They are
    the same for both, and what is left are samples' of deviation 0.2 each, 0.01 a mean: together a
    hundredth times the root of two.
    """
    real = 4.0 * np.resize([1.0, -1.0], 400)
    own = 0.2 * np.resize([1.0, -1.0], 400)
    first, second = (Estimate(value, real, own) for value in (0.6, 0.5))
    assert first.interval()[0] < second.interval()[1]
    scores = {"a": dict.fromkeys(paired.SHOWN, first), "b": dict.fromkeys(paired.SHOWN, second)}
    found = {row["metric"]: row for row in paired.differences(scores)}
    deviations = 0.1 / (0.01 * math.sqrt(2))
    for name, row in found.items():
        assert row["difference"] == pytest.approx(0.1)
        assert row["p_value"] == pytest.approx(math.erfc(deviations / math.sqrt(2)), rel=1e-9)
        assert row["corrected"] == row["p_value"], "one pair is one test"
        assert row["better"] == ("b" if name in ("frechet_distance", "kid") else "a")


def test_pairs_are_tested_together():
    """p = 0.02 is a difference between two generators, and none where a third gives two more."""
    sure = 2.3263  # deviations that leave 0.02 outside
    own = np.resize([1.0, -1.0], 100)  # a mean is uncertain by 0.1
    values = {"a": 0.0, "b": sure * 0.1 * math.sqrt(2), "c": sure * 0.05 * math.sqrt(2)}
    scores = {k: dict.fromkeys(paired.SHOWN, Estimate(v, None, own)) for k, v in values.items()}
    two = paired.differences({name: scores[name] for name in ("a", "b")})
    assert {row["better"] for row in two if row["metric"] == "recall"} == {"b"}
    three = [row for row in paired.differences(scores) if row["metric"] == "recall"]
    assert [row["better"] for row in three] == [None, None, None]
    assert three[0]["corrected"] == pytest.approx(0.06, rel=1e-3)


def test_a_report_names_the_better_one_first_and_its_gain_is_above_zero():
    row = {
        "metric": "frechet_distance",
        "first": "a",
        "second": "b",
        "difference": 4.0,
        "interval": [3.0, 5.0],
        "p_value": 1e-9,
        "corrected": 1e-9,
        "better": "b",
    }
    cells = paired_report.told(row)
    assert cells[1:] == ["b better than a by", "4.0 [3.0, 5.0]", "p < 0.001"]
    undecided = paired_report.told({**row, "better": None, "corrected": 0.25})
    assert undecided[1:] == ["a minus b", "4.0 [3.0, 5.0]", "p = 0.250"]


def test_published_generators_are_compared(mnist_root, run):
    """A good one and one that collapsed, on few images."""
    slugs = ("cgan-mnist", "gan-collapse-mnist")
    done = run("imggen", "compare", *slugs, "--n", "300", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [row["name"] for row in found["generators"]] == list(slugs)
    assert found["protocol"] == {"n": 300, "seed": 0} and found["real"]["split"] == "test"
    better = {row["metric"]: row["better"] for row in found["differences"]}
    assert set(better) == set(paired.SHOWN) and set(better.values()) == {"cgan-mnist"}
    done = run("imggen", "compare", *slugs, "--n", "300")
    assert done.returncode == 0 and "not larger than chance\n  none" in done.stdout
