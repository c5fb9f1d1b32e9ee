"""Attempts of a job: which count, what forgets them, and who stops after three."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from imggen.publishing.status import load_experiments
from imggen.publishing.study import run_folder
from imggen.system import attempts
from imggen.system.early import run_dir, usual_run_dir
from imggen.system.errors import UserError

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def start(monkeypatch, tmp_path):
    """Begins as a new process of a job would."""

    def begin(job: str | None = "7", **environment: str) -> None:
        for name in [key for key in os.environ if key.startswith("SLURM")]:
            monkeypatch.delenv(name)
        if job is not None:
            monkeypatch.setenv("SLURM_JOB_ID", job)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(attempts, "_folder", None)
        attempts.begin(tmp_path)

    return begin


def count(folder: Path) -> int:
    return len(attempts.read(folder)["attempts"])


def test_outside_slurm_nobody_counts(start, tmp_path):
    for _ in range(5):
        start(None)
    assert not list(tmp_path.iterdir())


def test_three_that_leave_no_trace_are_enough(start, tmp_path):
    for _ in range(3):
        start()
    says = r"^3 attempts of job 7 in a row ended where they began \(before the training; one ended"
    with pytest.raises(UserError, match=says + " without a word"):
        start()


def test_the_reasons_are_told(start, tmp_path):
    (tmp_path / "log.txt").write_text("resuming at step 40 of 90, 3 images\n")
    for _ in range(3):
        start()
        attempts.end(goes_on=True, sentence="Stopped by SIGUSR1 at step 40: it goes on.")
    with pytest.raises(UserError, match="resuming at step 40 of 90; one was stopped by SIGUSR1 at"):
        start()


def test_a_training_that_is_never_scored(start, tmp_path):
    """Though each attempt writes what comes of the training once more."""
    for number in range(3):
        for name in ("checkpoint.pt", "manifest.json", "weights.safetensors"):
            if number == 0 or name != "checkpoint.pt":
                (tmp_path / name).write_text(str(number))
        start()
    with pytest.raises(UserError, match=r"trained, but not scored and published.*--no-publish"):
        start()


@pytest.mark.parametrize("gained", ["checkpoint.pt", "vae-0/checkpoint.pt", "manifest.json"])
def test_progress_forgets_them(start, tmp_path, gained):
    for _ in range(3):
        start()
    (tmp_path / gained).parent.mkdir(exist_ok=True)
    (tmp_path / gained).write_text("")
    start()
    assert count(tmp_path) == 1


def test_so_does_another_job_and_what_ends_for_good(start, tmp_path):
    for _ in range(3):
        start()
    start("8")
    start("9", SLURM_ARRAY_JOB_ID="8", SLURM_ARRAY_TASK_ID="2")
    assert count(tmp_path) == 1 and attempts.read(tmp_path)["job"] == "8_2"
    for sentence in (None, "There is no dataset."):
        attempts.end(goes_on=False, sentence=sentence)
        told = attempts.read(tmp_path)
        assert (told["attempts"], told["error"], told["done"]) == ([], sentence, sentence is None)


def test_only_the_first_process_of_several_counts(start, tmp_path):
    start(RANK="1", WORLD_SIZE="2")
    assert not list(tmp_path.iterdir())


def test_the_others_do_not_wait_for_one_that_refused(start, tmp_path):
    for _ in range(3):
        start()
    start(RANK="1", WORLD_SIZE="2")  # the third attempt goes on
    with pytest.raises(UserError) as error:
        start(RANK="0")
    attempts.end(goes_on=False, sentence=str(error.value))
    with pytest.raises(UserError, match="3 attempts of job 7"):
        start(RANK="1")


def test_one_process_begins_once(start, tmp_path):
    """However many trainings it does below."""
    start()
    attempts.begin(tmp_path / "seed-0")
    assert [path.name for path in tmp_path.iterdir()] == [attempts.NAME]


@pytest.mark.parametrize("damage", ["", "[]", '{"job": 7}', '{"job": 7, "attempts": [1]}'])
def test_a_damaged_file_tells_nothing(start, tmp_path, damage):
    (tmp_path / attempts.NAME).write_text(damage)
    start()
    assert count(tmp_path) == 1


@pytest.mark.parametrize(
    ("line", "named"),
    [("", None), ("--data.name digits", None), ("--run-dir", None), ("--run-dir a/b", "a/b"),
     ("--x 1 --run_dir=c_d --y", "c_d")],
)  # fmt: skip
def test_the_run_directory_is_read_off_the_command_line(line, named):
    assert run_dir(line.split()) == (None if named is None else Path(named))


def test_without_one_it_is_where_the_script_will_run():
    folder = REPOSITORY / "experiments"
    scripts, found = sorted(folder.glob("*.py")), load_experiments(folder)
    for script, experiment in zip(scripts, found, strict=True):
        options = SimpleNamespace(run_dir=None)
        assert usual_run_dir(script) == run_folder(experiment, options), script.name


def test_it_is_written_down_before_the_imports(tmp_path):
    """And a process that is not to begin again says so, with the code that nobody requeues."""
    code = "import __main__; __main__.__file__ = 'experiments/dcgan_mnist.py'; import imggen, sys; "
    code += "sys.exit('torch' in sys.modules)"
    command = [sys.executable, "-c", code, "--data.name", "digits", f"--run-dir={tmp_path}"]
    environment = {**os.environ, "SLURM_JOB_ID": "7"}
    for number in (1, 2, 3):
        subprocess.run(command, cwd=REPOSITORY, env=environment, check=True)
        assert count(tmp_path) == number
    subprocess.run([*command, "--help"], cwd=REPOSITORY, env=environment, check=True)
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.startswith("error: 3 attempts of job 7 in a row")
    assert json.loads((tmp_path / attempts.NAME).read_text())["error"] in done.stderr


@pytest.mark.parametrize("attempt", [
    {"reason": "Stopped", "ended": "x"}, {"reason": ""}, {"reason": 3, "ended": 1}, {"began": "x"},
    {"position": 3},
])  # fmt: skip
def test_damaged_attempts_stop_no_run(tmp_path, monkeypatch, attempt):
    """What can't be read did not happen."""
    monkeypatch.setattr(attempts, "_folder", None)
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    one = {"began": 1.0, "position": "nothing", **attempt}
    (tmp_path / attempts.NAME).write_text(json.dumps({"job": "7", "attempts": [one] * 5}))
    attempts.begin(tmp_path)
    assert len(attempts.read(tmp_path)["attempts"]) == 1
