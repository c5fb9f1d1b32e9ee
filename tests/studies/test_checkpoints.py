"""What a checkpoint costs: the measuring for real on a small state, and what was published."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import threading
from pathlib import Path

import pytest
import torch

from imggen.runs.places import assets
from imggen.studies.checkpoints import measure, study
from imggen.studies.checkpoints.study import (
    FIGURES,
    FILE,
    FIRST_LINE,
    Checkpoints,
    Config,
    Options,
    bars,
    seconds_text,
)
from imggen.system.errors import Interrupted, UserError

PUBLISHED = Path(__file__).parents[2] / "docs" / "assets" / "experiments" / "checkpoints"
STUDY = Checkpoints("checkpoints", "It")
NAMES = set(measure.Seconds.__annotations__)


def test_a_small_state_is_saved_stopped_taken_up_and_published(tmp_path, monkeypatch, capsys):
    said = []

    def here(units: int, folder: Path) -> dict[str, float]:
        said.append(capsys.readouterr().out)
        measure.first_step(units, folder)
        told = json.loads(capsys.readouterr().out.splitlines()[-1])
        assert told["step"] > 10, "it goes on from where it was stopped"
        return {"resume_to_first_step": 4.0, "data": told["data"]}

    monkeypatch.setattr(measure, "COMMANDS", (("nonsense",),))
    monkeypatch.setattr(measure, "resumed", here)
    monkeypatch.setattr(measure, "import_torch", lambda: 2.0)
    settings = Config(units=16, rounds=2)
    STUDY.run(Options(method=settings, run_dir=tmp_path / "run", docs_dir=tmp_path / "docs"))
    folder = assets(tmp_path / "docs") / "checkpoints"
    found = json.loads((folder / FILE).read_text())["measured"]
    assert set(found["seconds"]) == NAMES and all(map(math.isfinite, found["seconds"].values()))
    assert found["seconds"]["written_within"] > found["seconds"]["pause"]
    assert (folder / FIGURES["safety"][0]).read_bytes().startswith(b"<?xml")
    assert "saving 2 of 2" in said[0] and "stopping 5 of 5" in said[0]
    assert [path.name for path in (tmp_path / "run").iterdir()] == [FILE]
    assert json.loads((tmp_path / "run" / FILE).read_text()) == found


@pytest.mark.parametrize("first_line", [1.4, 1.6])
def test_a_broken_promise_is_said_and_ends_with_1(tmp_path, monkeypatch, capsys, first_line):
    seconds = dict.fromkeys(NAMES, 1.0) | {"pause": 0.01, "first_line": first_line}
    found = {"parameters": 1, "bytes": 1, "seconds": seconds}
    monkeypatch.setattr(study, "measure", lambda units, rounds, folder: found)
    asked = Options(method=Config(units=8), run_dir=tmp_path, publish=False)
    broken = first_line > FIRST_LINE
    assert STUDY.run(asked) == broken
    said = capsys.readouterr().out
    assert said.count("kept: ") == 4 - broken and said.count("MISSED: from `imggen`") == broken
    assert (tmp_path / FILE).exists() and not (tmp_path / "docs").exists()


@pytest.mark.slow
def test_training_hardly_pauses(tmp_path):
    """With 2 million parameters. Writing while training waits would take over 1."""
    trainer = measure.make_trainer(900, tmp_path)
    found = [measure.pauses(trainer, 1) for _ in range(4)]
    shares = [each["pause"] / each["plain_save"] for each in found]
    assert min(shares) < 0.5, shares
    kept = [name for name in measure.checkpoint.NAMES if (tmp_path / name).exists()]
    assert len(kept) == len(measure.checkpoint.NAMES), "they were written"


def test_signals_of_others_and_full_disks_end_it(tmp_path, monkeypatch):
    trainer = measure.make_trainer(8, tmp_path)
    advance = trainer.advance

    def disturbed() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        advance()

    trainer.advance = disturbed
    with pytest.raises(Interrupted, match="Stopped by SIGTERM"):
        measure.stopped(trainer, after=60)
    assert trainer.advance is disturbed
    assert not [each for each in threading.enumerate() if isinstance(each, threading.Timer)]

    def full(state, path) -> None:
        path.write_bytes(b"half of it")
        raise RuntimeError("[enforce fail at inline_container.cc:671]")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(UserError, match="is there room for it"):
        measure.plain_save(trainer, tmp_path / "plain.pt")
    assert not (tmp_path / "plain.pt").exists()


def test_a_process_that_fails_says_why(tmp_path, monkeypatch):
    monkeypatch.setattr(measure, "FIRST_STEP", "raise MemoryError('all is full')")
    with pytest.raises(UserError, match=r"ended with 1 \(MemoryError: all is full\)"):
        measure.resumed(8, tmp_path)


def test_a_process_of_its_own_takes_up_what_another_left(tmp_path):
    trainer = measure.make_trainer(8, tmp_path)
    trainer.advance()
    measure.checkpoint.write(tmp_path, trainer.state())
    found = measure.resumed(8, tmp_path)
    assert 0 < found["data"] < found["resume_to_first_step"] < 60


def test_a_promise_is_broken_where_it_takes_longer():
    kept = dict.fromkeys(NAMES, 1.0) | {"pause": 0.09, "beyond_the_write": 0.9}
    assert all(bar.found <= bar.at_most for bar in bars(measure.Seconds(**kept)))
    worse = {"pause": 0.11, "beyond_the_write": 1.1, "resume_to_first_step": 6.1, "first_line": 1.6}
    for number, (name, value) in enumerate(worse.items()):
        found = bars(measure.Seconds(**kept | {name: value}))
        assert [bar.found > bar.at_most for bar in found].index(True) == number


def test_times_are_told_to_two_digits():
    told = [seconds_text(value) for value in (0.00068, 0.0449, 0.0996, 0.21, 0.996, 3.96, 123)]
    assert told == ["0.68 ms", "45 ms", "0.10 s", "0.21 s", "1.0 s", "4.0 s", "120 s"]
    share = bars(measure.Seconds(**dict.fromkeys(NAMES, 0.5)))[0]
    assert [share.text(value) for value in (0.0007, 1, 1.52)] == ["0.07 %", "100 %", "150 %"]


def test_what_is_published_keeps_its_promises():
    found = json.loads((PUBLISHED / FILE).read_text())["measured"]
    assert all(bar.found <= bar.at_most for bar in bars(found["seconds"]))
    assert found["parameters"] == pytest.approx(50e6, rel=0.01)
    assert found["bytes"] == pytest.approx(0.8e9, rel=0.01)


@pytest.mark.parametrize("settings", [Config(units=0), Config(units=10**9), Config(rounds=0)])
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
