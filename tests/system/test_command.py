"""How a command ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure

from imggen.system.command import run_command
from imggen.system.errors import UserError
from imggen.system.world import read_environment


def test_torchrun_reports_the_sentence_of_a_process_that_ended(tmp_path, monkeypatch, capsys):
    file = tmp_path / "error.json"
    monkeypatch.setenv("TORCHELASTIC_ERROR_FILE", str(file))

    def command():
        raise UserError("The images are gone: put them back.")

    with pytest.raises(SystemExit, match="2"):
        run_command(command)
    assert capsys.readouterr().err == "error: The images are gone: put them back.\n"
    failure = ProcessFailure(local_rank=1, pid=1, exitcode=2, error_file=str(file))
    report = str(ChildFailedError("dcgan_mnist.py", {1: failure}))
    assert "traceback : The images are gone: put them back." in report


def imggen(*arguments: str, **more: object) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, whose output waits in a buffer as usual."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "", **more.pop("env", {})}  # type: ignore[dict-item]
    command = [sys.executable, "-m", "imggen", *arguments]
    return subprocess.run(command, env=environment, stderr=subprocess.PIPE, text=True, **more)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_output_that_does_not_arrive_is_said():
    with open("/dev/full", "w") as full:
        done = imggen("--version", stdout=full)
    assert done.returncode == 2 and done.stderr.startswith("error: Can't write"), done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr


def test_an_environment_that_makes_no_sense_is_said_at_once():
    done = imggen("--version", env={"RANK": "5", "WORLD_SIZE": "2"})
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done.stderr
    assert "no process among others (RANK=5, WORLD_SIZE=2" in done.stderr


@pytest.mark.parametrize(("rank", "size"), [("a", "2"), ("0", ""), ("-1", "2"), ("2", "2"),
                                            ("0", "0"), ("٠", "1"), ("0", "9" * 5000)])  # fmt: skip
def test_ranks_that_are_none(monkeypatch, rank, size):
    monkeypatch.setenv("RANK", rank)
    monkeypatch.setenv("WORLD_SIZE", size)
    with pytest.raises(UserError, match="describes no process among others"):
        read_environment()
