"""Tables of the pages: every metric under its one name, and nothing dropped in silence."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from imggen.evaluation.catalogue import (
    BINARY,
    LEVELS,
    METRICS,
    heading,
    heading_beside,
    title,
)
from imggen.evaluation.report import with_interval

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "scripts" / "site"))

import audit_tables  # noqa: E402
import cards  # noqa: E402
import published_runs  # noqa: E402
from macro import MacroError  # noqa: E402

ROW = {"value": 0.25, "interval": [0.125, 0.375], "floor": 0.75}


def publish(docs: Path, metrics: dict[str, object]) -> published_runs.Site:
    """A site with one published experiment that is called `run`."""
    folder = docs / "assets" / "experiments" / "run"
    folder.mkdir(parents=True)
    result = {
        "metrics": metrics,
        "real": {"name": "mnist", "split": "test"},
        "features": {"name": "lenet", "sha256": "0", "details": "a network"},
        "protocol": {"n": 100, "code": "0"},
    }
    (folder / "metrics.json").write_text(json.dumps(result))
    (folder / "manifest.json").write_text(json.dumps({"title": "Run", "steps": 3}))
    page = SimpleNamespace(
        file=SimpleNamespace(src_uri="post.md"), url="post/", markdown="", meta={}
    )
    return published_runs.Site(docs, page)


def test_every_metric_of_an_experiment_is_in_its_table_once(tmp_path):
    table = publish(tmp_path, dict.fromkeys(METRICS, ROW)).metrics("run")
    for name in METRICS:
        assert table.count(f"| {heading_beside(name, METRICS)} |") == 1, name
    at_once, folded = table.split("More metrics")
    assert heading("agreement") in at_once and heading("gan_train") in folded


def test_bits_are_called_by_what_they_are_of(tmp_path):
    """Of binary pixels beside nats, folded away; of grey levels alone, and then shown at once."""
    binary = publish(tmp_path / "a", {"nll_nats": ROW, "bits_per_dim": ROW}).metrics("run")
    at_once, folded = binary.split("More metrics")
    assert f"| {BINARY.text} ↓ |" in folded and BINARY.text not in at_once
    levels = publish(tmp_path / "b", {"bits_per_dim": ROW}).metrics("run")
    assert f"| {LEVELS.text} ↓ |" in levels and "More metrics" not in levels
    assert LEVELS.text not in binary and BINARY.text not in levels


def test_values_are_multiplied_as_the_title_says(tmp_path):
    site = publish(tmp_path, {"kid": ROW})
    (line,) = [
        line for line in site.metrics("run").splitlines() if "Kernel distance × 1000" in line
    ]
    assert "| 250 " in line and "[125, 375]" in line and "| 750 |" in line
    assert site.value("run", "kid").startswith("250 ") and "More metrics" not in line


def test_a_metric_without_a_value_is_shown_with_the_reason(tmp_path):
    row = {"value": None, "interval": None, "note": "No <b> | classifier."}
    table = publish(tmp_path, {"classifier_score": row}).metrics("run")
    assert "– <small>No &lt;b&gt; &#124; classifier.</small>" in table


@pytest.mark.parametrize("macro", [("metrics", "run"), ("value", "run", "kid"), ("results",)])
def test_a_metric_that_the_catalogue_lacks_breaks_the_build(tmp_path, macro):
    site = publish(tmp_path, {"kid": ROW, "beauty": ROW})
    with pytest.raises(published_runs.MacroError, match=r"run/metrics\.json has beauty"):
        site.macro(macro[0], list(macro[1:]))


def test_a_fact_below_a_number_is_refused(tmp_path):
    site = publish(tmp_path, {})
    assert site.fact("run", "steps") == "3"
    with pytest.raises(published_runs.MacroError, match=r"no steps\.first"):
        site.fact("run", "steps.first")


def audit(tmp_path) -> published_runs.Site:
    folder = tmp_path / "assets" / "experiments" / "audit"
    folder.mkdir(parents=True)
    path = REPOSITORY / "docs" / "assets" / "experiments" / "metric-audit" / "audit.json"
    (folder / "audit.json").write_text(path.read_text())
    return published_runs.Site(tmp_path, SimpleNamespace(meta={}))


def test_every_metric_of_the_audit_is_in_a_table_and_no_group_is_empty(tmp_path):
    site = audit(tmp_path)
    tables = site.audit("audit", "responses") + site.audit("audit", "checks")
    for name in audit_tables.names(site.audited("audit")):
        assert f">{title(name)}</th>" in tables, name
    assert "Likelihood" not in tables and "Memorisation" in tables


def test_an_audit_of_a_metric_that_the_catalogue_lacks_breaks_the_build(tmp_path):
    site = audit(tmp_path)
    path = tmp_path / "assets" / "experiments" / "audit" / "audit.json"
    path.write_text(path.read_text().replace('"kid"', '"beauty"'))
    for macro, *arguments in (("audit", "checks"), ("rung", "blur", "1", "x")):
        with pytest.raises(published_runs.MacroError, match=r"audit/audit\.json has beauty"):
            site.macro(macro, ["audit", *arguments])


def test_rungs_are_those_of_the_file(tmp_path):
    site = audit(tmp_path)
    row = site.audited("audit")["ladders"]["blur"]["metrics"]["kid"][-1]
    shown = with_interval(*(1000 * v for v in (row["value"], *row["interval"])))[0]
    assert site.rung("audit", "blur", "3", "kid").startswith(shown)


def swept(tmp_path: Path) -> published_runs.Site:
    """A site with a sweep: two trainings of one method, one of another."""
    site = publish(tmp_path, {"precision": ROW})
    entry = {"better": "higher", "sees": "coherence"}
    rows = [
        {
            "slug": f"{group.lower()}-{seed}",
            "group": group,
            "series": f"seed {seed}",
            "metrics": {"precision": {**entry, "value": v, "interval": [v - 0.0196, v + 0.0196]}},
        }
        for group, seed, v in (("A", 0, 0.5), ("A", 1, 0.54), ("B", 0, 0.9), ("B", 1, 0.9))
    ]
    found = {
        "rows": rows,
        "floor": {"precision": {**entry, "value": 0.84, "interval": [0.82, 0.86]}},
        "features": {"name": "lenet"},
        "protocol": {"n": 100, "seed": 0},
    }
    (tmp_path / "assets/experiments/run/sweep.json").write_text(json.dumps(found))
    return site


def test_trainings_stand_side_by_side_above_real_images(tmp_path):
    lines = swept(tmp_path).trainings("run", "precision").splitlines()
    assert lines[0] == f"| training | {heading('precision')} |"
    assert lines[3].startswith("| A, seed 1 | 0.54")
    assert lines[6].startswith("| real training images | 0.84")


def test_the_spread_of_trainings_is_set_against_one_trainings_interval(tmp_path):
    """0.5 and 0.54 have a deviation of 0.0283; each has an interval of ± 0.0196."""
    lines = swept(tmp_path).spread("run", "precision").splitlines()
    assert lines[2] == '| A | 0.520 ± 0.028 <span class="interval">(± 0.020)</span> |'
    assert lines[3] == '| B | 0.900 ± 0 <span class="interval">(± 0.020)</span> |'
    assert "of 2 trainings" in lines[-1]


def test_one_training_of_several_inline(tmp_path):
    site = swept(tmp_path)
    assert site.trained("run", "a-1", "precision").startswith("0.54")
    for asked in (("run", "c-0", "precision"), ("run", "a-0", "recall")):
        with pytest.raises(published_runs.MacroError, match=r"run has no .* of"):
            site.trained(*asked)


def test_floors_are_those_of_the_file(tmp_path):
    site = publish(tmp_path, {"precision": ROW, "recall": {**ROW, "floor": None}})
    assert site.floor("run", "precision") == "0.750"
    for name in ("recall", "coverage"):
        with pytest.raises(published_runs.MacroError, match=f"run has no floor of {name}"):
            site.floor("run", name)


def test_costs_of_trainings_and_of_images_have_units_that_fit_them():
    manifest = {"training_flops": 1.51e15, "sampling": {"flops_per_image": 3.402e9}}
    assert cards.flops_of(manifest, "training") == "1.5 PFLOP"
    assert cards.flops_of(manifest, "image") == "3.4 GFLOP"
    assert [cards.flops_text(x) for x in (4e13, 2e11, 5e7)] == [
        "40 TFLOP",
        "0.2 TFLOP",
        "0.05 GFLOP",
    ]
    with pytest.raises(MacroError, match="not of images"):
        cards.flops_of(manifest, "images")
