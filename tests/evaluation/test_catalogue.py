"""The catalogue: one row per metric, read by everybody, and titles that decide nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from imggen.evaluation import catalogue
from imggen.evaluation.catalogue import METRICS, TITLES, entries, heading, known, title
from imggen.metrics.accuracy import agreement
from imggen.runs import provenance
from imggen.runs.provenance import SCORING, source_hash

REPOSITORY = Path(__file__).resolve().parents[2]


def test_every_metric_has_one_title_and_no_title_is_without_a_metric():
    assert TITLES.keys() == METRICS.keys()
    assert len({title(name) for name in TITLES}) == len(TITLES)


def test_a_title_says_what_its_values_were_multiplied_by_and_their_unit():
    assert heading("kid") == "Kernel distance × 1000 ↓" and TITLES["kid"].factor == 1000
    assert title("nll_nats") == "−log p(x), nats"
    assert heading("vendi_score") == "Vendi score →"


def test_every_published_metric_is_in_the_catalogue():
    for path in (REPOSITORY / "docs" / "assets" / "experiments").glob("*/metrics.json"):
        assert json.loads(path.read_text())["metrics"].keys() <= METRICS.keys(), path


@pytest.fixture
def scoring_hash(tmp_path, monkeypatch):
    """The hash of the scoring code with a changed file in place of one of its modules."""
    real = provenance._path

    def changed(module: str, old: str, new: str) -> str:
        text = real(module).read_text()
        assert old in text
        (tmp_path / "changed.py").write_text(text.replace(old, new))
        provenance._parsed.cache_clear()
        monkeypatch.setattr(
            provenance, "_path", lambda m: tmp_path / "changed.py" if m == module else real(m)
        )
        return source_hash(*SCORING)

    return changed


def test_a_title_changes_no_hash_and_what_decides_results_does(scoring_hash):
    base, name = source_hash(*SCORING), catalogue.__name__
    assert scoring_hash(name, '"Recall"', '"Recall!"') == base
    assert scoring_hash(name, '"recall": Metric("variety"', '"recall": Metric("both"') != base
    assert scoring_hash("imggen.evaluation.measure", "= 3, 5", "= 3, 7") != base
    assert scoring_hash("imggen.metrics.accuracy", "STEPS, BATCH", "BATCH, STEPS") != base


def test_agreement_is_the_share_of_labels_that_the_classifier_sees():
    logits = np.eye(4)[[0, 1, 2, 3, 3]]
    found = agreement(logits, np.array([0, 1, 2, 3, 0]))
    assert found.value == 0.8
    low, high = found.interval()
    assert low < 0.8 < high <= 1


def test_a_metric_without_a_value_says_so():
    row = entries({"kid": "too few samples."})["kid"]
    with pytest.raises(ValueError, match="too few samples"):
        known(row)
