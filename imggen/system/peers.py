"""How several processes of one run end: together, with one message and one exit code.

A process that fails writes its exit code on a board that all can read. The first one decides and
speaks; a thread in each of the others reads the board and ends it, whatever it is waiting for.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from typing import NoReturn, Protocol

from imggen.system.early import TRY_AGAIN
from imggen.system.errors import Interrupted
from imggen.system.world import TORCHRUN, World, read_environment

POLL_SECONDS, LOOK_SECONDS, GRACE_SECONDS = 0.03, 0.5, 5.0
SILENT_SECONDS = 60.0
"""Without a sign of life, after which a process counts as lost: nobody else may report its end."""
VERDICT = "verdict"
LOST = (
    "Another process of this run ended without a word or can't be reached: the same command goes "
    "on from the last checkpoint."
)


@contextlib.contextmanager
def talking() -> Iterator[None]:
    """Around what the ranks say to each other. Raises: Interrupted when one does not answer."""
    try:
        yield
    except RuntimeError as error:
        raise Interrupted(LOST) from error


class Board(Protocol):
    """What is used of torch's stores, all of which raise RuntimeError when they are gone."""

    def check(self, keys: list[str], /) -> bool: ...
    def set(self, key: str, value: str, /) -> None: ...
    def get(self, key: str, /) -> bytes: ...
    def add(self, key: str, amount: int, /) -> int: ...
    def compare_set(self, key: str, expected: str, desired: str, /) -> bytes: ...


class Peers:
    """The processes of this run, and the board that they share."""

    def __init__(self, board: Board, own: Board, world: World) -> None:
        """`own` is a second connection to the board, for the thread that watches."""
        self.board, self.world, self.met = board, world, 0
        self.known: str | None = None
        self.heard: dict[int, tuple[int, float]] = {}
        """By rank: its signs of life, and when the last one was seen."""
        self.looked = 0.0
        self.parted = threading.Event()
        threading.Thread(target=self._watch, args=(own,), daemon=True).start()

    def settle(self, code: int) -> tuple[bool, int]:
        """Whether this process says why the run ends, and the exit code of all."""
        self.parted.set()
        mine = f"{self.world.rank} {code}"
        try:
            verdict = self.board.compare_set(VERDICT, "", mine).decode()
        except RuntimeError:  # the board went down with the process that held it
            if self.known is None:
                return _one_of_each_machine(self.world), code
            verdict = self.known
        return verdict == mine, int(verdict.split()[1])

    def wait_for_all(self) -> None:
        """Returns when all have come here, however long that takes.

        Raises: Interrupted when one of them is lost.
        """
        name, self.met = f"met {self.met}", self.met + 1
        with talking():
            there = self.board.add(name, 1)
            while there < self.world.size:
                time.sleep(POLL_SECONDS)  # here, signals are heard
                self._refuse_lost()
                there = self.board.add(name, 0)

    def _refuse_lost(self) -> None:
        now = time.monotonic()
        if now - self.looked < LOOK_SECONDS:
            return
        if now - self.looked > 10 * LOOK_SECONDS:  # it did not look, or stood still like all others
            self.heard.clear()
        self.looked = now
        for rank in range(self.world.size):
            signs = self.board.add(f"alive {rank}", 0)
            if rank not in self.heard or self.heard[rank][0] != signs:
                self.heard[rank] = signs, now
            elif now - self.heard[rank][1] > SILENT_SECONDS:
                raise Interrupted(LOST)

    def gather(self, text: str) -> list[str]:
        """What each process says, by rank."""
        name, self.met = f"said {self.met}", self.met + 1
        with talking():
            self.board.set(f"{name} {self.world.rank}", text)
            self.wait_for_all()
            return [self.board.get(f"{name} {rank}").decode() for rank in range(self.world.size)]

    def part(self) -> None:
        """From here on nobody ends this process; rank 0, who may hold the board, goes last."""
        self.parted.set()
        left, until = self.board.add("left", 1), time.monotonic() + SILENT_SECONDS
        while self.world.is_main and left < self.world.size and time.monotonic() < until:
            time.sleep(POLL_SECONDS)
            left = self.board.add("left", 0)

    def _watch(self, board: Board) -> None:
        while not self.parted.wait(LOOK_SECONDS):
            try:
                board.add(f"alive {self.world.rank}", 1)
                if not board.check([VERDICT]):
                    continue
                self.known = board.get(VERDICT).decode()
                code, speaks = int(self.known.split()[1]), False
            except RuntimeError:
                code, speaks = TRY_AGAIN, _one_of_each_machine(self.world)
            # Time to notice it by itself, and to be ended by whoever started it.
            if not self.parted.wait(GRACE_SECONDS):
                if speaks:
                    print(LOST, file=sys.stderr, flush=True)
                os._exit(code)


def _one_of_each_machine(world: World) -> bool:
    """Who speaks where all can't be asked: one of each machine, of those that are left."""
    return world.local_rank == 0 or world.rank == 1


_peers: Peers | None = None
_meeting = False


def meeting() -> None:
    """From here until `join`, what goes wrong can differ from machine to machine."""
    global _meeting
    _meeting = True


def join(board: Board, own: Board, world: World) -> None:
    """Shares a board with the others, from here on."""
    global _peers
    _peers = Peers(board, own, world)


def peers() -> Peers:
    """The others, once this process joined them."""
    assert _peers is not None
    return _peers


def settle(code: int) -> tuple[bool, int]:
    """Whether this process says why the run ends badly, and with which code it ends."""
    world = read_environment()
    if world.size == 1:
        return True, code
    if _peers is not None and not _peers.parted.is_set():
        return _peers.settle(code)
    # Before they meet, all find the same fault in the same command. Later there is only rank 0.
    return world.is_main or (_meeting and _one_of_each_machine(world)), code


def leave(code: int, spoke: bool) -> NoReturn:
    """Ends this process, one of several, after the others had time to read why."""
    if code and os.environ.get(TORCHRUN) and not spoke:
        # Its report lists each process that failed by itself: wait to be ended, and be left out.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        time.sleep(GRACE_SECONDS)
    elif code and _peers is not None:
        # The board may be this process's. Or rank 0 still notes how it ended, and whoever started
        # all may end the rest when the first one is gone.
        time.sleep(3 * LOOK_SECONDS)
    os._exit(code)
