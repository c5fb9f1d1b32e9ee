"""What a checkpoint costs: the measuring for real on a small state, and what was published."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from imggen.runs.places import assets
from imggen.studies.checkpoints import measure
from imggen.studies.checkpoints.study import (
    FIGURES,
    FILE,
    Checkpoints,
    Config,
    Options,
    bars,
    seconds_text,
)
from imggen.system.errors import UserError

PUBLISHED = Path(__file__).parents[2] / "docs" / "assets" / "experiments" / "checkpoints"
STUDY = Checkpoints("checkpoints", "It")
NAMES = set(measure.Seconds.__annotations__)


def test_a_small_state_is_saved_stopped_taken_up_and_published(tmp_path, monkeypatch, capsys):
    def here(units: int, folder: Path) -> dict[str, float]:
        measure.first_step(units, folder)
        told = json.loads(capsys.readouterr().out.splitlines()[-1])
        assert told["step"] > 10, "it goes on from where it was stopped"
        return {"resume_to_first_step": 4.0, "data": told["data"]}

    monkeypatch.setattr(measure, "COMMANDS", (("nonsense",),))
    monkeypatch.setattr(measure, "resumed", here)
    settings = Config(units=16, rounds=2)
    asked = Options(method=settings, run_dir=tmp_path / "run", docs_dir=tmp_path / "docs")
    code = STUDY.run(asked)
    folder = assets(tmp_path / "docs") / "checkpoints"
    found = json.loads((folder / FILE).read_text())
    seconds = found["measured"]["seconds"]
    assert set(seconds) == NAMES and all(value > 0 for value in seconds.values())
    assert seconds["written_within"] > seconds["pause"]
    assert seconds["signal_to_safe"] < 5 * (seconds["step"] + seconds["write"]) + 1
    assert code == any(bar.found > bar.at_most for bar in bars(seconds))
    assert (folder / FIGURES["safety"][0]).read_bytes().startswith(b"<?xml")
    assert not list((tmp_path / "run").iterdir()), "it leaves nothing behind"


def test_a_process_of_its_own_takes_up_what_another_left(tmp_path):
    trainer = measure.make_trainer(8, tmp_path)
    trainer.advance()
    measure.checkpoint.write(tmp_path, trainer.state())
    found = measure.resumed(8, tmp_path)
    assert 0 < found["data"] < found["resume_to_first_step"] < 60


def test_a_promise_is_broken_where_it_takes_longer():
    kept = dict.fromkeys(NAMES, 1.0) | {"pause": 0.09, "signal_to_safe": 1.9}
    assert all(bar.found <= bar.at_most for bar in bars(measure.Seconds(**kept)))
    worse = {"pause": 0.11, "signal_to_safe": 2.1, "resume_to_first_step": 6.1, "first_line": 1.6}
    for number, (name, value) in enumerate(worse.items()):
        found = bars(measure.Seconds(**kept | {name: value}))
        assert [bar.found > bar.at_most for bar in found].index(True) == number


def test_times_are_told_to_two_digits():
    told = [seconds_text(value) for value in (0.00068, 0.0449, 0.21, 3.96, 12.3)]
    assert told == ["0.68 ms", "45 ms", "0.21 s", "4.0 s", "12 s"]
    assert bars(measure.Seconds(**dict.fromkeys(NAMES, 0.5)))[0].text(0.0007) == "0.07 %"


def test_what_is_published_keeps_its_promises():
    found = json.loads((PUBLISHED / FILE).read_text())["measured"]
    assert all(bar.found <= bar.at_most for bar in bars(found["seconds"]))
    assert found["parameters"] == pytest.approx(50e6, rel=0.01)
    assert found["bytes"] == pytest.approx(0.8e9, rel=0.01)


@pytest.mark.parametrize("settings", [Config(units=0), Config(rounds=0)])
def test_sizes_that_mean_nothing_are_refused(settings, tmp_path):
    with pytest.raises(UserError, match="1 at least"):
        STUDY.run(Options(method=settings, run_dir=tmp_path / "run", docs_dir=tmp_path))
    assert not list(tmp_path.iterdir())


def test_a_folder_that_can_not_be_written_is_one_sentence(tmp_path):
    (tmp_path / "run").touch()
    with pytest.raises(UserError, match="run can't be written"):
        STUDY.run(Options(method=Config(units=8), run_dir=tmp_path / "run", docs_dir=tmp_path))


def test_what_is_drawn_again_must_be_what_was_published(tmp_path):
    copy = shutil.copytree(PUBLISHED, assets(tmp_path) / PUBLISHED.name)
    asked = Options(method=Config(), docs_dir=tmp_path, from_published=True)
    before = (copy / FIGURES["safety"][0]).read_bytes()
    assert STUDY.run(asked) == 0 and (copy / FIGURES["safety"][0]).read_bytes() == before
    (copy / FILE).write_text((copy / FILE).read_text().replace("1", "2", 1))
    with pytest.raises(UserError, match=f"{FILE} is not the file that was published"):
        STUDY.run(asked)
