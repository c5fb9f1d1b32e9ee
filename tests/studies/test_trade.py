"""A sampler's setting from end to end: the curve of record, its chart, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from imggen.evaluation.against import Against
from imggen.studies import trade as study
from imggen.studies.trade import FILE, Traded, chart, data_of, trade
from imggen.system.errors import UserError

PUBLISHED = Path(__file__).parents[2] / "docs" / "assets" / "experiments" / "truncation-mnist"


@pytest.fixture(scope="module")
def found() -> Traded:
    return json.loads((PUBLISHED / FILE).read_text())


def test_truncation_buys_coherence_with_variety(found):
    """What the post says: each wider bound is less precise and has a higher recall."""
    rows = [row["metrics"] for row in found["settings"]]
    assert found["settings"][-1]["value"] == "None"
    for narrow, wide in zip(rows, rows[1:], strict=False):
        assert narrow["precision"]["value"] > wide["precision"]["value"]
        assert narrow["recall"]["value"] < wide["recall"]["value"]


def test_no_bound_scores_what_the_generator_of_record_does(found):
    """The same samples, so the same numbers as in its metrics.json."""
    record = json.loads((PUBLISHED.parent / "sngan-mnist" / "metrics.json").read_text())["metrics"]
    for name, entry in found["settings"][-1]["metrics"].items():
        assert entry["value"] == pytest.approx(record[name]["value"], rel=1e-6), name
        assert found["floor"][name]["value"] == pytest.approx(record[name]["floor"], rel=1e-6), name


def test_the_chart_is_the_same_for_the_same_numbers(found):
    assert chart(found) == chart(found)
    other = {**found, "settings": found["settings"][:-1]}
    assert chart(found) != chart(other)


@pytest.mark.parametrize(
    ("generator", "option", "says"),
    [
        ("sngan-mnist", "steps", "NAME=VALUE with one of truncation"),
        ("gan-mnist", "truncation", "one way only"),
        ("nobody", "truncation", "nobody"),
    ],
)
def test_what_can_not_be_asked_is_refused(generator, option, says, mnist_root):
    with pytest.raises(UserError, match=says):
        ask(generator, option, "0.5", mnist_root)


def test_a_senseless_bound_is_refused(mnist_root):
    with pytest.raises(UserError, match=r"truncation is -1\.0"):
        ask("sngan-mnist", "truncation", "-1.0", mnist_root)


def ask(generator, option, value, root):
    trade(generator, option, (value,), Against(data_of(generator, root), 100))


def test_the_script_draws_scores_and_publishes(mnist_root, monkeypatch, tmp_path, capsys):
    """The real thing, with fewer samples."""
    monkeypatch.setattr(study, "SAMPLES", 300)
    asked = study.Options(docs_dir=tmp_path, data=study.Place(mnist_root))
    study.Trade("curve", "A curve", "sngan-mnist", "truncation", ("0.5", "None")).run(asked)
    folder = tmp_path / "assets" / "experiments" / "curve"
    found = json.loads((folder / FILE).read_text())
    narrow, wide = (row["metrics"] for row in found["settings"])
    assert found["protocol"] == {"n": 300, "seed": 0}
    assert narrow["precision"]["value"] > wide["precision"]["value"]
    assert narrow["recall"]["value"] < wide["recall"]["value"]
    manifest = json.loads((folder / "manifest.json").read_text())
    assert set(manifest["files"]) == {FILE, "trade.svg", "asked.png"}
    assert capsys.readouterr().out.count("precision") == 2


def test_from_published_needs_something_published(tmp_path):
    asked = study.Options(docs_dir=tmp_path, from_published=True)
    with pytest.raises(UserError, match="is not published"):
        study.Trade("curve", "A curve", "sngan-mnist", "truncation", ("0.5",)).run(asked)
