"""What can happen to a training, and how it is done to a real one."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import NamedTuple

from imggen.studies.chaos import disk
from imggen.studies.chaos.child import Child
from imggen.studies.chaos.disk import Disk
from imggen.studies.chaos.start import cold
from imggen.training.checkpoint import NAMES

DAY = 86_400.0
HEARD_WITHIN = 15.0
"""Seconds in which a training must notice that it can't write."""


class Struck(NamedTuple):
    """What a fault did at once."""

    code: int | None
    """Exit code, negative for a signal that ended it; None when the process went on."""
    gone_on: bool = True
    """Whether that is what should have happened."""


Strike = Callable[[Child, Disk, Random], Struck]


def by_signal(name: str, *codes: int) -> Strike:
    """A signal that ends the process, with one of these exit codes."""

    def strike(child: Child, where: Disk, dice: Random) -> Struck:
        if dice.random() < 0.3:  # while it starts: imports, data, resume
            child.end(signal.SIGKILL)
            child.start(cold)
            time.sleep(dice.uniform(0, 4))
            early = {-getattr(signal, name)}  # before a line of ours is run
        else:
            time.sleep(dice.uniform(0, 0.1))
            early = set()
        code = child.end(getattr(signal, name))
        return Struck(code, code in early.union(codes))

    return strike


def stood_still(child: Child, where: Disk, dice: Random) -> Struck:
    """SIGSTOP, and SIGCONT after a while: a laptop's lid, a debugger, a cluster's suspend."""
    child.running.send_signal(signal.SIGSTOP)
    time.sleep(dice.uniform(0.1, 1.0))
    child.running.send_signal(signal.SIGCONT)
    return Struck(None)


def full(child: Child, where: Disk, dice: Random) -> Struck:
    """No block is left on the disk for a while; one time in three the process is killed then."""
    where.fill(child.running.pid)
    try:
        return _without_writing(child, dice)
    finally:
        where.free(child.running.pid)


def closed(child: Child, where: Disk, dice: Random) -> Struck:
    """The run directory takes no new file for a while; one time in three killed then."""
    disk.close(child.folder)
    try:
        return _without_writing(child, dice)
    finally:
        disk.open_again(child.folder)


def _without_writing(child: Child, dice: Random) -> Struck:
    """It must say that it can't write and go on, or end with the code that asks for a person."""
    heard = child.complains(HEARD_WITHIN)
    if dice.random() < 0.3:
        return Struck(child.end(signal.SIGKILL), heard)
    time.sleep(dice.uniform(0, 0.5))
    code = child.running.poll()
    return Struck(code, heard and code in (None, 2))


def damaged(damage: Callable[[Path, Random], None]) -> Strike:
    """The newest checkpoint of a process that was killed; one time in four the next one too."""

    def strike(child: Child, where: Disk, dice: Random) -> Struck:
        code = child.end(signal.SIGKILL)
        there = [path for name in NAMES if (path := child.folder / name).is_file()]
        for path in there[: 2 if dice.random() < 0.25 and len(there) > 2 else 1]:
            damage(path, dice)
        return Struck(code)

    return strike


def cut(path: Path, dice: Random) -> None:
    """Keeps the first part, often nothing."""
    size = path.stat().st_size
    os.truncate(path, 0 if dice.random() < 0.3 else dice.randrange(size))


def flip(path: Path, dice: Random) -> None:
    """Turns one bit round."""
    data = bytearray(path.read_bytes())
    data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    path.write_bytes(data)


def folder(path: Path, dice: Random) -> None:
    """Puts a folder in the file's place."""
    path.unlink()
    path.mkdir()


def clock(child: Child, where: Disk, dice: Random) -> Struck:
    """The times of all files jump by up to ten years, as if by a clock that was set."""
    moved = time.time() + dice.choice((-1, 1)) * dice.uniform(0.1, 3650) * DAY
    for path in child.folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # a temporary file
            os.utime(path, (moved, moved))
    return Struck(None)


def second(child: Child, where: Disk, dice: Random) -> Struck:
    """The same command once more, beside the first: refused, and the first goes on.

    Meanwhile the first stands still, so that it can't be done before the second asks for the lock.
    """
    since = child.told()
    child.running.send_signal(signal.SIGSTOP)
    other = Child(child.training, child.folder, child.repository, child.output, child.began)
    other.start()
    code = other.wait()
    child.running.send_signal(signal.SIGCONT)
    refused = f"in use by process {child.running.pid} on HOST, which began at " in child.said(since)
    return Struck(None, code == 2 and refused)


def left_behind(child: Child, where: Disk, dice: Random) -> Struck:
    """A lock that a process of another machine held when its machine was lost, hours ago."""
    code = child.end(signal.SIGKILL)
    held = {"host": "lost-node", "pid": 1, "begun": "2001-01-01T00:00:00+00:00", "kernel": "other"}
    path = child.folder / "lock"
    path.write_text(json.dumps(held))
    os.utime(path, (time.time() - 3 * 3600,) * 2)
    return Struck(code)


KINDS: dict[str, Strike] = {
    "SIGKILL": by_signal("SIGKILL", -signal.SIGKILL),
    "SIGTERM": by_signal("SIGTERM", 75),
    "SIGHUP": by_signal("SIGHUP", 75),
    "SIGSTOP, SIGCONT": stood_still,
    "disk full": full,
    "no permission": closed,
    "checkpoint cut": damaged(cut),
    "bit flipped": damaged(flip),
    "folder in its place": damaged(folder),
    "clock moved": clock,
    "second process": second,
    "lock of a lost node": left_behind,
}
"""By the name that the page gives it."""
