"""Being stopped in every phase, two processes at once, closed terminals, clusters."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from shortcuts import unscored

from imggen import cli
from imggen.publishing.publish import publish
from imggen.system.errors import Interrupted, UserError
from imggen.system.files import read_json, write_bytes
from imggen.system.locks import locked

REPOSITORY = Path(__file__).resolve().parents[1]
SCRIPT = (sys.executable, "experiments/dcgan_mnist.py", "--data.name", "digits",
          "--train.steps", "100000", "--method.width", "16", "--train.precision", "fp32",
          "--no-publish", "--run-dir")  # fmt: skip
QUICK = ("--data.name", "digits", "--train.steps", "20", "--train.frames", "2",
         "--train.precision", "fp32", "--method.width", "8")  # fmt: skip
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}


def start(*command: str | Path, **more) -> subprocess.Popen:
    return subprocess.Popen(
        [str(part) for part in command],
        cwd=REPOSITORY,
        env=ENVIRONMENT,
        stderr=subprocess.PIPE,
        text=True,
        **more,
    )


def wait_for(happened, seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.fixture
def ends():
    """Takes processes that must not outlive the test, whatever happens in it."""
    with contextlib.ExitStack() as stack:
        yield lambda process: stack.callback(process.kill)


@pytest.fixture
def heard():
    """Ctrl-C, which a shell has its background jobs ignore, and these tests with them."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_lock_that_cannot_be_read_still_locks(tmp_path):
    with locked(tmp_path, "wait"):
        (tmp_path / "lock").write_text("damaged")
        with (
            pytest.raises(UserError, match="in use by another process: wait"),
            locked(tmp_path, "wait"),
        ):
            pass
    with locked(tmp_path, "wait"):
        pass


@pytest.mark.slow
@pytest.mark.parametrize(("name", "code"), [("SIGUSR1", 75), ("SIGINT", 130)])
def test_a_signal_while_libraries_are_imported_is_quiet(name, code, heard):
    """As soon as imggen is imported, long before torch is."""
    first = "import __main__; __main__.__file__ = 'experiments/dcgan_mnist.py'; "
    first += "import imggen; print('now', flush=True); "
    first += "import torch; import time; time.sleep(60)"
    process = start(sys.executable, "-c", first, stdout=subprocess.PIPE)
    assert process.stdout.readline() == "now\n"
    process.send_signal(getattr(signal, name))
    assert process.wait(30) == code
    assert process.stderr.read() == ""


@pytest.mark.slow
def test_what_a_shell_ignores_stays_ignored_and_a_second_process_is_refused(run, tmp_path, ends):
    """`nohup`: the terminal may close. Whoever starts the same run again is told who has it."""
    process = subprocess.Popen(
        ["nohup", *SCRIPT, str(tmp_path / "run"), "--train.log-steps", "5"],
        cwd=REPOSITORY,
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    ends(process)
    rows = tmp_path / "run" / "stats.jsonl"
    wait_for(lambda: rows.exists() and rows.read_text())
    process.send_signal(signal.SIGHUP)
    before = rows.read_text()
    wait_for(lambda: rows.read_text() != before)
    done = run("experiments/dcgan_mnist.py", "--data.name", "digits", "--method.width", "8",
               "--no-publish", "--run-dir", tmp_path / "run")  # fmt: skip
    assert done.returncode == 2, done.stdout + done.stderr
    assert f"in use by process {process.pid} on " in done.stderr
    assert "choose another --run-dir" in done.stderr
    assert process.poll() is None, "the first one goes on"
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 75


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_at_the_last_step_is_not_forgotten(run, monkeypatch, tmp_path, name, heard):
    def stopped(run_dir, trained):
        def keep(method, step):
            if step == 20:
                os.kill(os.getpid(), getattr(signal, name))

        return keep

    monkeypatch.setattr("imggen.experiment.draw_frame", stopped)
    done = run("experiments/dcgan_mnist.py", *QUICK, "--run-dir", tmp_path / "run",
               "--docs-dir", tmp_path / "docs")  # fmt: skip
    assert done.returncode == 75 and "at step 20" in done.stderr
    assert (tmp_path / "run" / "checkpoint.pt").exists() and not (tmp_path / "docs").exists()


def test_a_stop_leaves_no_half_written_file(tmp_path, monkeypatch):
    def stop(descriptor):
        raise Interrupted("now")

    monkeypatch.setattr(os, "fsync", stop)
    with pytest.raises(Interrupted):
        write_bytes(tmp_path / "a", b"x")
    assert not list(tmp_path.iterdir())


def test_a_publication_is_whole_before_the_command_stops(tmp_path, monkeypatch):
    def write(path, data):
        os.kill(os.getpid(), signal.SIGTERM)
        path.write_bytes(data)

    monkeypatch.setattr("imggen.publishing.publish.write_bytes", write)
    with pytest.raises(Interrupted, match="after all was published"):
        publish(tmp_path, {"a": b"1", "b": b"2"}, None, {})
    assert set(read_json(tmp_path / "manifest.json")["files"]) == {"a", "b"}


def test_scripts_of_others_keep_their_handlers(tmp_path):
    (tmp_path / "experiments").mkdir()
    script = tmp_path / "experiments" / "theirs.py"
    script.write_text("import signal; before = signal.getsignal(signal.SIGTERM); import imggen\n"
                      "assert signal.getsignal(signal.SIGTERM) == before\n")  # fmt: skip
    environment = {**ENVIRONMENT, "PYTHONPATH": str(REPOSITORY)}
    subprocess.run([sys.executable, script], check=True, env=environment)


def test_a_signal_outside_the_loop_ends_with_75(run, monkeypatch, tmp_path):
    """While samples are scored, say: what was trained is kept."""

    def stopped(*arguments, **options):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)

    monkeypatch.setattr("imggen.evaluation.method.score", stopped)
    command = ("experiments/dcgan_mnist.py", *QUICK)
    places = ("--run-dir", tmp_path / "run", "--docs-dir", tmp_path / "docs")
    done = run(*command, *places)
    assert done.returncode == 75
    assert "Stopped by SIGTERM: nothing is lost" in done.stderr
    assert not (tmp_path / "docs").exists()
    unscored(monkeypatch)
    done = run(*command, *places)
    assert done.returncode == 0 and "resuming at step 20 of 20" in done.stdout
    assert (tmp_path / "docs" / "assets" / "experiments" / "dcgan-mnist" / "samples.png").exists()


def test_a_signal_while_data_are_fetched_ends_with_75(run, monkeypatch, tmp_path):
    def stopped(*arguments):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)

    monkeypatch.setattr("imggen.data.datasets.DataConfig.load", stopped)
    done = run("experiments/dcgan_mnist.py", "--no-publish", "--run-dir", tmp_path / "run")
    assert done.returncode == 75 and "Stopped by SIGTERM: nothing is lost" in done.stderr


@pytest.mark.slow
def test_whoever_reads_the_output_may_leave(tmp_path, ends):
    """`| head -1` does not end a training; a closed terminal does, with a checkpoint."""
    often = "import runpy, sys; from imggen.training import progress; "
    often += "progress.LINE_SECONDS = 0.05; "
    often += "del sys.argv[0]; runpy.run_path(sys.argv[0], run_name='__main__')"
    command = (sys.executable, "-c", often, *SCRIPT[1:], tmp_path / "run", "--train.log-steps", "5")
    process = start(*command, stdout=subprocess.PIPE)
    ends(process)
    assert "starting" in process.stdout.readline()
    process.stdout.close()
    rows = tmp_path / "run" / "stats.jsonl"
    wait_for(lambda: rows.exists() and len(rows.read_text().splitlines()) > 5)
    time.sleep(0.5)  # so that several lines would have been printed
    assert process.poll() is None
    process.send_signal(signal.SIGHUP)
    assert process.wait(60) == 75
    assert "Stopped by SIGHUP at step" in process.stderr.read()
    assert (tmp_path / "run" / "checkpoint.pt").exists()


@pytest.mark.parametrize(("encoding", "flags"), [("cp1252", ()), ("ascii", ("--json",))])
def test_other_encodings_of_the_terminal(encoding, flags, tmp_path, monkeypatch):
    images = np.random.default_rng(0).integers(0, 256, (80, 8, 8), dtype=np.uint8)
    np.save(tmp_path / "real.npy", images[:40])
    np.save(tmp_path / "fake.npy", images[40:])
    terminal = io.TextIOWrapper(io.BytesIO(), encoding)
    monkeypatch.setattr(sys, "stdout", terminal)
    sets = [str(tmp_path / f"{name}.npy") for name in ("real", "fake")]
    monkeypatch.setattr(sys, "argv", ["imggen", "evaluate", *sets, "--features", "pixels", *flags])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert not stop.value.code
    terminal.flush()
    shown = terminal.buffer.getvalue().decode(encoding)
    if flags:
        assert json.loads(shown)["metrics"]["frechet_distance"]["value"] > 0
    else:
        assert "Fréchet" in shown


@pytest.mark.parametrize(("code", "again"), [(75, True), (138, True), (143, True), (1, False),
                                             (2, False), (0, False)])  # fmt: skip
def test_the_cluster_script_asks_for_another_turn(code, again, tmp_path):
    for name, body in (("srun", f"exit {code}"), ("scontrol", f'echo "$@" > {tmp_path}/asked')):
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    environment = {**ENVIRONMENT, "PATH": f"{tmp_path}:{os.environ['PATH']}", "SLURM_JOB_ID": "7"}
    environment["SLURM_SUBMIT_DIR"] = str(tmp_path)
    done = subprocess.run(["bash", "scripts/slurm/cpu.sbatch", "experiments/dcgan_mnist.py"],
                          cwd=REPOSITORY, env=environment)  # fmt: skip
    assert done.returncode == code
    assert (tmp_path / "asked").exists() == again
    if again:
        assert (tmp_path / "asked").read_text() == "requeue 7\n"


def test_the_cluster_script_without_an_experiment_fails(tmp_path):
    done = subprocess.run(
        ["bash", "scripts/slurm/cpu.sbatch"], cwd=REPOSITORY, capture_output=True, text=True
    )
    assert done.returncode == 2 and "name the experiment" in done.stderr
