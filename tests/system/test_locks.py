"""One process at a time: who is refused, who is dead, and whose clock counts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from imggen.system import locks
from imggen.system.errors import UserError
from imggen.system.locks import locked

ELSEWHERE = {"host": "node7", "pid": 41, "kernel": "other", "begun": "2001-02-03T04:05:06+00:00"}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Seconds become tenths."""
    monkeypatch.setattr(locks, "BEAT", 0.1)
    monkeypatch.setattr(locks, "STALE", 0.8)
    monkeypatch.setattr(locks, "POLL", 0.05)


def left(folder: Path, age: float = 0.0, **told: object) -> Path:
    """A lock file that says this and was touched so many seconds ago."""
    path = folder / "lock"
    path.write_text(json.dumps(ELSEWHERE | told))
    os.utime(path, (time.time() - age,) * 2)
    return path


def seconds(folder: Path) -> float:
    """How long it takes to get the lock."""
    began = time.monotonic()
    with locked(folder, "wait"):
        held = json.loads((folder / "lock").read_text())
        assert locks.is_held(folder) and held["pid"] == os.getpid() and "ended" not in held
    assert "ended" in json.loads((folder / "lock").read_text()) and not locks.is_held(folder)
    return time.monotonic() - began


@pytest.mark.parametrize(
    ("age", "told"),
    [
        (0, {"kernel": locks._kernel()}),  # a dead process of this machine: the system knows
        (0, {"kernel": None, "host": locks._me()["host"]}),  # of an imggen that wrote no kernel
        (3600, {}),  # of a machine that was lost an hour ago
        (0, {"ended": "2001-02-03T04:05:07+00:00"}),  # let go of
    ],
)
def test_a_lock_of_nobody_alive_does_not_block(tmp_path, age, told):
    left(tmp_path, age, **told)
    assert seconds(tmp_path) < 0.5


@pytest.mark.parametrize("skew", [0, -86_400, 0.3])
def test_a_silent_lock_of_another_machine_is_watched_and_then_taken(tmp_path, skew, monkeypatch):
    """Whatever the clocks say: a file of tomorrow, and a local clock a day ahead."""
    left(tmp_path, skew)
    monkeypatch.setattr(time, "time", lambda now=time.time: now() + 86_400)
    with pytest.warns(UserWarning, match="locked by process 41 on node7.*waiting for a sign"):
        took = seconds(tmp_path)
    assert 0.3 < took < 5


def test_a_sign_of_life_from_another_machine_refuses_at_once(tmp_path):
    path = left(tmp_path)
    beating = threading.Timer(0.2, lambda: os.utime(path))
    beating.start()
    began = time.monotonic()
    with (
        pytest.warns(UserWarning, match="waiting"),
        pytest.raises(UserError, match="in use by process 41 on node7, which began at 2001-02-03"),
        locked(tmp_path, "wait"),
    ):
        pass
    assert time.monotonic() - began < locks.STALE
    assert json.loads(path.read_text()) == ELSEWHERE, "the living one's lock is as it was"


def test_of_two_that_replace_a_dead_one_at_once_the_later_has_it(tmp_path, monkeypatch):
    """Where the system has no locks."""
    path = left(tmp_path, 3600)
    monkeypatch.setattr(locks, "_flock", lambda file: None)
    other, replace = tmp_path / "other", os.replace
    other.write_text(json.dumps(ELSEWHERE | {"host": "node8"}))
    beating = threading.Timer(0.4, lambda: os.utime(path))

    def both(fresh: Path, target: Path) -> None:
        replace(fresh, target)
        replace(other, target)
        beating.start()

    monkeypatch.setattr(os, "replace", both)
    with (
        pytest.warns(UserWarning, match="node8"),
        pytest.raises(UserError, match="in use by process 41 on node8"),
        locked(tmp_path, "wait"),
    ):
        pass
    beating.join()


def test_who_stood_still_too_long_is_replaced_and_ends(tmp_path):
    """Another machine's process, as far as its lock says, that this file system still honours."""
    stands = (
        "import sys, time; from pathlib import Path; from imggen.system import locks;"
        "locks.BEAT = 2.0; locks._kernel = lambda: 'other'\n"
        "with locks.locked(Path(sys.argv[1]), 'wait'):\n"
        "    print('mine', flush=True); time.sleep(60)"
    )
    old = subprocess.Popen(
        [sys.executable, "-c", stands, tmp_path],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert old.stdout.readline() == "mine\n"
    with pytest.warns(UserWarning, match=f"locked by process {old.pid} on "):
        wait_for_its_end(tmp_path, old)
    assert f"was taken over by process {os.getpid()} on " in old.stderr.read()
    old.stdout.close()
    old.stderr.close()


def wait_for_its_end(folder: Path, old: subprocess.Popen) -> None:
    with locked(folder, "wait"):
        assert old.wait(20) == locks.TAKEN_OVER


@pytest.mark.parametrize(
    ("age", "told", "held"),
    [
        (0, {}, True),
        (3600, {}, False),  # of a machine that was lost an hour ago
        (0, {"ended": "2001-02-03T04:05:07+00:00"}, False),
        (0, {**locks._me(), "pid": 4_194_305}, False),  # more than Linux has
        (0, locks._me(), False),  # a number that another process has now
    ],
)
def test_who_looks_sees_whether_it_is_held(tmp_path, monkeypatch, age, told, held):
    """Of another machine also where the system's locks do not reach, or do not exist."""
    left(tmp_path, age, **told)
    assert locks.is_held(tmp_path) == held
    if told != locks._me():
        monkeypatch.setattr(locks, "_flock", lambda file: None)
        assert locks.is_held(tmp_path) == held


def test_a_living_holder_beats(tmp_path):
    with locked(tmp_path, "wait"):
        path = tmp_path / "lock"
        os.utime(path, (0, 0))
        end = time.monotonic() + 20
        while path.stat().st_mtime < 1 and time.monotonic() < end:
            time.sleep(0.02)
        assert path.stat().st_mtime > 1
