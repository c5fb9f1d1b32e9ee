"""How runs fare, read from their folders."""

from __future__ import annotations

import dataclasses
import json
import socket
from pathlib import Path

import pytest

from imggen.runs.folder import RunDir
from imggen.runs.listing import glance, listed
from imggen.system import attempts
from imggen.system.errors import Interrupted, UserError

BEGUN = "starting of 100, 1437 images (1, 8, 8), 1 x processor, fp32\n"


@pytest.fixture
def folder(tmp_path) -> Path:
    """A run that began and came to step 40, ten steps a second."""
    run = RunDir(tmp_path / "run")
    run.create()
    run.log_file.write_text(BEGUN)
    for step in (10, 20, 30, 40):
        run.append_stats({"step": step, "wall_seconds": step / 10, "images_per_second": 640.0})
    return run.path


def state(folder: Path, queue: dict[str, str] | None = None) -> tuple[str, str]:
    seen = glance("it", folder, queue or {})
    return seen.state, seen.reason


def test_one_that_runs_says_how_far_it_is(folder):
    with RunDir(folder).locked():
        seen = glance("it", folder, {})
    assert (seen.state, seen.reason) == ("running", "training")
    assert (seen.step, seen.steps, seen.images_per_second) == (40, 100, 640)
    assert seen.seconds_left == 6
    RunDir(folder).append_stats({"step": 100, "wall_seconds": 10, "images_per_second": 640})
    with RunDir(folder).locked():
        assert state(folder) == ("running", "scoring and drawing")


def test_one_that_left_without_a_word(folder):
    assert state(folder) == ("interrupted", "it ended without a word")
    here = {"host": socket.gethostname(), "pid": 4_194_305, "begun": "today"}  # more than Linux has
    (folder / "lock").write_text(json.dumps(here))
    assert state(folder)[0] == "interrupted"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (UserError("A loss became NaN."), ("failed", "A loss became NaN.")),
        (ZeroDivisionError("division\nby zero"), ("failed", "ZeroDivisionError: division by zero")),
        (Interrupted("Stopped by SIGTERM at step 47 with a checkpoint: it goes on."),
         ("interrupted", "Stopped by SIGTERM at step 47 with a checkpoint: it goes on.")),
    ],
)  # fmt: skip
def test_the_log_says_how_it_ended(folder, error, expected):
    with pytest.raises(type(error)), RunDir(folder).locked():
        raise error
    assert state(folder) == expected
    assert glance("it", folder, {}).step == (47 if "47" in str(error) else 40)
    with RunDir(folder).locked():
        RunDir(folder).note(BEGUN.strip())
    assert state(folder)[0] == "interrupted", "a later attempt is another one"


def test_finished_is_what_did_all_that_was_asked(folder):
    run = RunDir(folder)
    run.note("weights in there")
    run.write_manifest({"command": "python experiments/it.py"})
    assert state(folder)[0] == "interrupted", "it is not scored yet"
    run.write_manifest({"command": "python experiments/it.py --no-publish"})
    assert state(folder)[0] == "finished"
    run.note("published in docs/assets/experiments/it")
    assert state(folder) == ("finished", "published in docs/assets/experiments/it")


def test_the_queue_knows_what_waits(folder, tmp_path):
    attempts.submitted(folder, "17_3")
    assert state(folder, {"17_3": "PENDING (Priority)"}) == ("queued", "job 17_3 Priority")
    assert state(folder, {"17_3": "RUNNING"}) == ("running", "job 17_3 running")
    assert state(folder, {"17_4": "RUNNING"})[0] == "interrupted"
    new = tmp_path / "new"
    attempts.submitted(new, "18")
    assert state(new) == ("interrupted", "it did not begin")


def test_runs_below_runs_are_found(folder, run):
    below = RunDir(folder / "vae-0")
    below.create()
    below.log_file.write_text(BEGUN)
    (folder / "docs").mkdir()
    (folder / "docs" / "log.txt").touch()
    assert [each.name for each in listed((folder.parent,))] == ["run", "run/vae-0"]
    done = run("imggen", "runs", folder, "--json")
    assert json.loads(done.stdout) == [dataclasses.asdict(each) for each in listed((folder,))]
    table = run("imggen", "runs", folder).stdout.splitlines()
    assert table[1].split()[:3] == ["run", "interrupted", "40/100"]


def test_a_folder_that_is_not_there(run, tmp_path):
    done = run("imggen", "runs", tmp_path / "none")
    assert done.returncode == 2 and "There is no folder" in done.stderr
    assert "no runs here" in run("imggen", "runs", tmp_path).stdout
