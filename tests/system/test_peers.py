"""Several processes end together, with one message; and how they find each other."""

from __future__ import annotations

import collections
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from imggen.system import peers, world
from imggen.system.errors import Interrupted, UserError
from imggen.system.world import World

ENDINGS = {
    # What each of two processes does once they have met; who speaks, how often; the exit codes.
    "killed": ("if rank: os.kill(os.getpid(), 9)\nwait()",
               "ended without a word", [75, -9]),
    "main": ("if not rank: raise UserError('The images are gone: put them back.')\nwait()",
             "error: The images are gone: put them back.\n", [2, 2]),
    "other": ("if rank: raise UserError('The disk is full: make room.')\nwait()",
              "error: The disk is full: make room.\n", [2, 2]),
    "bug": ("raise ZeroDivisionError('here')", "ZeroDivisionError: here\n", [1, 1]),
    "unlike": ("distributed.refuse_unlike({'mood': str(rank)}, torch.device('cpu'), world)",
               "differ in their mood: 0 of process 0", [2, 2]),
}  # fmt: skip
PROGRAM = """
import json, os, sys, time
import imggen
import torch
from imggen.system import distributed
from imggen.system.command import run_command
from imggen.system.errors import UserError

def wait():
    distributed.average_gradients([torch.zeros(3, requires_grad=True)], world)

def command():
    global world, rank
    world = distributed.connect("cpu")
    rank = world.rank
    exec(does)

started = []
for task in json.load(sys.stdin):
    does, started = task["does"], [*started, os.fork()]
    if not started[-1]:
        os.environ.update(task["environment"])
        os.dup2(os.open(task["errors"], os.O_WRONLY | os.O_CREAT), 2)
        run_command(command)
        os._exit(0)
print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in started]))
"""


def of_two(rank: int, number: int) -> dict[str, str]:
    """The environment of one task of a SLURM step with two nodes, the second of which is nobody."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("SLURM")},
        **{"SLURM_JOB_ID": str(number), "SLURM_STEP_ID": "0", "SLURM_PROCID": str(rank)},
        **{"SLURM_NTASKS": "2", "SLURM_LOCALID": "0", "SLURM_STEP_NUM_NODES": "2"},
        **{"SLURM_STEP_NODELIST": "localhost,nowhere[1-2]", "OMP_NUM_THREADS": "1"},
    }


@pytest.fixture(scope="module")
def ended(tmp_path_factory) -> dict[str, tuple[list[int], list[str]]]:
    """Exit codes and errors of two processes for each ending, all at once.

    Forked from one that has imported torch: for ten of them to import it would take longest.
    """
    folder = tmp_path_factory.mktemp("ended")
    tasks = [
        {"does": does, "environment": of_two(rank, os.getpid() * 10 + number),
         "errors": str(folder / f"{ending}-{rank}")}
        for number, (ending, (does, *_)) in enumerate(ENDINGS.items()) for rank in (0, 1)
    ]  # fmt: skip
    environment = {key: text for key, text in os.environ.items() if not key.startswith("SLURM")}
    environment["TORCH_CPP_LOG_LEVEL"] = "ERROR"  # read when torch is imported
    begun = time.monotonic()
    done = subprocess.run([sys.executable, "-c", PROGRAM], input=json.dumps(tasks), text=True,
                          env=environment, stdout=subprocess.PIPE, timeout=90)  # fmt: skip
    assert time.monotonic() - begun < 45
    codes = json.loads(done.stdout)
    said = [Path(task["errors"]).read_text() for task in tasks]
    return {
        ending: (codes[2 * number : 2 * number + 2], said[2 * number : 2 * number + 2])
        for number, ending in enumerate(ENDINGS)
    }


@pytest.mark.slow
@pytest.mark.parametrize("ending", ENDINGS)
def test_one_process_says_why_all_end(ending, ended):
    _, said, expected = ENDINGS[ending]
    codes, errors = ended[ending]
    assert codes == expected, errors
    assert sum(error.count(said) for error in errors) == 1, errors
    assert sum(bool(error) for error in errors) == 1, "one process speaks"


class Board(collections.Counter):
    """As much of a store as counting takes."""

    def add(self, key: str, amount: int) -> int:
        if amount:  # two threads may ask, but only one counts up
            self[key] += amount
        return self[key]

    def check(self, keys: list[str]) -> bool:
        return False


def test_who_dies_silently_is_not_waited_for(monkeypatch):
    """Nobody reports the end of a process that srun started and the system killed."""
    monkeypatch.setattr(peers, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(peers, "SILENT_SECONDS", 0.5)
    board = Board()
    first, second = (peers.Peers(board, board, World(rank, 2)) for rank in (0, 1))
    late = threading.Timer(1.0, second.wait_for_all)
    late.start()
    first.wait_for_all()  # for longer than that, for one that lives
    late.join()
    second.parted.set()
    with pytest.raises(Interrupted, match="ended without a word"):
        first.wait_for_all()
    first.part()


@pytest.mark.parametrize(
    ("nodes", "first"),
    [("n1", "n1"), ("n1,n2", "n1"), ("gpu[07-09,12],cpu1", "gpu07"), ("r[1,3]n[2-4]", "r1n2")],
)
def test_the_first_node_of_a_list(nodes, first):
    assert world.first_node(nodes) == first


def test_a_node_whose_name_nobody_knows_is_found_by_its_address(monkeypatch, tmp_path):
    for name in ("MASTER_ADDR", "MASTER_PORT", "GLOO_SOCKET_IFNAME"):
        monkeypatch.setenv(name, "")  # so that what is set here is undone
        monkeypatch.delenv(name)
    for name, value in (("STEP_NODELIST", "n[1-2].invalid"), ("STEP_NUM_NODES", "2")):
        monkeypatch.setenv(f"SLURM_{name}", value)
    monkeypatch.setenv("SLURM_JOB_ID", "41")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match=r"The first node n1\.invalid .* set MASTER_ADDR"):
        world.name_meeting_point()
    scontrol = tmp_path / "scontrol"
    scontrol.write_text('#!/bin/sh\necho "NodeName=$3 Arch=x86_64 NodeAddr=127.0.0.1 Port=1"\n')
    scontrol.chmod(0o755)
    world.name_meeting_point()
    assert os.environ["MASTER_ADDR"] == "127.0.0.1"
    assert int(os.environ["MASTER_PORT"]) in world.PORTS
    if sys.platform == "linux":
        assert os.environ["GLOO_SOCKET_IFNAME"] == "lo"


def test_srun_describes_the_world_of_its_step(monkeypatch):
    monkeypatch.setenv("SLURM_PROCID", "3")
    assert world.read_environment() == World()  # in a job, but not in one of its steps
    for name, value in (("STEP_ID", "0"), ("NTASKS", "8"), ("STEP_NUM_TASKS", "4"),
                        ("LOCALID", "1")):  # fmt: skip
        monkeypatch.setenv(f"SLURM_{name}", value)
    assert world.read_environment() == World(3, 4, 1)
