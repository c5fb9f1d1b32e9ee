"""How runs fare, read from their folders."""

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
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


def test_the_first_row_already_tells_the_pace(folder):
    stats = RunDir(folder).stats
    stats.write_text(stats.read_text().partition("\n")[0] + "\n")
    with RunDir(folder).locked():
        assert glance("it", folder, {}).seconds_left == 9


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


@pytest.mark.parametrize("name", ["log.txt", "stats.jsonl", "attempts.json", "lock"])
@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe\x00", b"[" * 100_000, b'{"step":' + b"9" * 400 + b"}",
     b"starting of " + b"9" * 5000,
     b'{"job": [], "attempts": [1, {"began": "x", "position": 3}], "error": {"a": 1}}',
     b'{"host": "HOST", "pid": 1e999}', b'{"host": "HOST", "pid": ' + b"9" * 30 + b"}", None],
    ids=range(9),
)  # fmt: skip
def test_a_damaged_run_hides_no_other(folder, name, content):
    path = folder / name
    path.unlink(missing_ok=True)
    if content is None:
        os.mkfifo(path)
    else:
        path.write_bytes(content.replace(b"HOST", socket.gethostname().encode()))
    other = RunDir(folder.parent / "other")
    other.create()
    other.log_file.write_text(BEGUN)
    found = {each.name: each for each in listed((folder.parent,))}
    assert found["other"].state == "interrupted"
    assert found["run"].state in ("interrupted", "failed")


@pytest.mark.parametrize("seconds", ["1e308", "NaN", "Infinity"])
def test_numbers_that_are_none_are_left_out(folder, run, seconds):
    row = f'{{"step": 50, "wall_seconds": {seconds}, "images_per_second": {seconds}}}\n'
    with open(folder / "stats.jsonl", "a") as file:
        file.write('{"step": 49, "wall_seconds": -1e308}\n' + row)
    with RunDir(folder).locked():
        for flags in ((), ("--json",)):
            done = run("imggen", "runs", folder, *flags)
            assert done.returncode == 0 and "NaN" not in done.stdout, done.stderr
            assert "Infinity" not in done.stdout


def test_links_in_circles_and_names_that_steer_a_terminal(folder, run):
    (folder.parent / "again").symlink_to(folder.parent)
    (folder.parent / "itself").symlink_to("itself")
    odd = RunDir(folder.parent / "a\nb\x1b[2J")
    odd.create()
    odd.log_file.write_text(BEGUN + "failed: \x1b[31mred\n")
    done = run("imggen", "runs", folder.parent)
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 3, done.stdout
    assert "a\\nb\\x1b[2J  failed" in done.stdout and "\x1b" not in done.stdout


def test_a_lock_that_says_nothing_is_still_held(folder):
    """The system's lock is the truth, whatever a full disk left in the file."""
    with RunDir(folder).locked(), open(folder / "lock") as file:
        with pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        assert state(folder)[0] == "running"


def test_a_folder_whose_name_is_no_text(tmp_path, run):
    """Bytes that are no UTF-8: they are told with a ?, and stop nothing."""
    odd = RunDir(tmp_path / os.fsdecode(b"lat\xe9"))
    odd.create()
    odd.log(BEGUN.strip())
    odd.log(f"weights in {odd.weights}")
    odd.write_manifest({"command": "python x --no-publish", "name": odd.path.name})
    assert odd.read_manifest()["name"] == "lat?"
    assert state(odd.path)[0] == "finished"
    assert run("imggen", "runs", tmp_path, "--json").returncode == 0
