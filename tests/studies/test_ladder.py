"""Samplers at rising cost: the ladders of record, their chart, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from imggen.evaluation.against import Against
from imggen.studies.ladder import FILE, Climb, Climbed, Ladder, chart, climb
from imggen.studies.trade import Options, Place, data_of
from imggen.system.errors import UserError

PUBLISHED = Path(__file__).parents[2] / "docs" / "assets" / "experiments"


def published(slug: str) -> Climbed:
    return json.loads((PUBLISHED / slug / FILE).read_text())


def frechet(found: Climbed, name: str, steps: int) -> float:
    (rung,) = (r for r in found["rungs"] if (r["name"], r["steps"]) == (name, steps))
    return rung["metrics"]["frechet_distance"]["value"]


def test_reflow_is_better_than_the_flow_in_one_step():
    """What the post says: straightened paths lose less when steps are few."""
    found = published("few-steps-mnist")
    assert frechet(found, "reflow", 1) < frechet(found, "flow matching", 1)
    assert frechet(found, "shortcut", 1) < frechet(found, "flow matching", 1)


def test_passes_are_those_that_the_network_was_given():
    found = published("few-steps-mnist")
    assert all(rung["passes"] == rung["steps"] for rung in found["rungs"])


def test_the_chart_is_the_same_for_the_same_numbers():
    found = published("few-steps-mnist")
    assert chart(found) == chart(found)
    assert chart(found) != chart({**found, "rungs": found["rungs"][:-1]})


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (Climb("x", "flow-matching-mnist", (1,), ("solver=rk4",)), "solver"),
        (Climb("x", "flow-matching-mnist", (0,)), "a sampler of 0 steps"),
        (Climb("x", "sngan-mnist", (1,)), "steps"),
        (Climb("x", "nobody", (1,)), "nobody"),
    ],
)
def test_what_can_not_be_asked_is_refused(line, says, against):
    with pytest.raises(UserError, match=says):
        climb(line, against)


@pytest.fixture(scope="module")
def against(mnist_root) -> Against:
    return Against(data_of("flow-matching-mnist", mnist_root), 100)


def test_the_script_draws_scores_and_publishes(mnist_root, tmp_path, capsys):
    """The real thing, with fewer samples: more steps are better, and cost what they say."""
    asked = Options(docs_dir=tmp_path, data=Place(mnist_root))
    lines = (Climb("Euler", "flow-matching-mnist", (1, 4), ("solver=euler",)),)
    Ladder("rungs", "Rungs", lines, samples=60).run(asked)
    folder = tmp_path / "assets" / "experiments" / "rungs"
    found = json.loads((folder / FILE).read_text())
    assert [rung["passes"] for rung in found["rungs"]] == [1, 4]
    assert frechet(found, "Euler", 4) < frechet(found, "Euler", 1)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert set(manifest["files"]) == {FILE, "ladder.svg", "rungs.png"}
    assert "Euler, 4 steps, 4 passes" in capsys.readouterr().out


def test_generators_of_other_data_are_refused(mnist_root, tmp_path):
    lines = tuple(Climb(s, s, (1,)) for s in ("flow-matching-mnist", "sngan-cifar10-jpeg"))
    asked = Options(docs_dir=tmp_path, data=Place(mnist_root))
    with pytest.raises(UserError, match="trained on the same data"):
        Ladder("rungs", "Rungs", lines).run(asked)
