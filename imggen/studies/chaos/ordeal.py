"""One training under a schedule of faults, and whether it ends as if nothing had happened."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple, TypedDict

import torch
from torch import Tensor

from imggen.studies.chaos.child import POLL, Child, Stuck
from imggen.studies.chaos.disk import Disk
from imggen.studies.chaos.faults import KINDS
from imggen.system.errors import UserError
from imggen.system.files import sha256_file
from imggen.training.checkpoint import NAME

FIRST, LAST = 0.03, 0.95
"""Shares of the training between which faults strike."""
TRIES = 3
"""Starts after a fault, until it counts as one that was not survived."""
TIMES = ("wall_seconds", "images_per_second")


class Fault(NamedTuple):
    """What strikes at which step."""

    kind: str
    step: int


class Outcome(TypedDict):
    """One fault and what came of it."""

    kind: str
    seconds: float
    step: int
    """Where it struck."""
    resumed: int
    """The step from which training went on."""
    code: int | None
    """Exit code, None when the process went on."""
    survived: bool
    said: str


def schedule(steps: int, of: Sequence[str], each: int, dice: Random) -> list[Fault]:
    """Every kind `of` fault `each` times, in random order, at random steps."""
    kinds = [kind for kind in of for _ in range(each)]
    dice.shuffle(kinds)
    at = sorted(dice.sample(range(int(FIRST * steps), int(LAST * steps)), len(kinds)))
    return [Fault(kind, step) for kind, step in zip(kinds, at, strict=True)]


def undisturbed(child: Child) -> None:
    """Trains from beginning to end. Raises: UserError when it fails."""
    child.start()
    try:
        child.wait_until(child.training.steps)
        code = child.wait()
    except Stuck as error:
        raise UserError(f"{child.training.name} alone: {error}.") from error
    if code:
        raise UserError(f"{child.training.name} alone ended with code {code}: {child.said(0)}")


def disturbed(child: Child, where: Disk, faults: list[Fault], dice: Random) -> list[Outcome]:
    """Trains from beginning to end under these faults."""
    outcomes = []
    child.start()
    for fault in faults:
        if not reach(child, fault.step):
            break
        outcome = strike(child, where, fault, dice)
        outcomes.append(outcome)
        print(f"{outcome['seconds']:7.1f} s  step {outcome['step']:>5}  {outcome['kind']:<20} "
              f"{'survived' if outcome['survived'] else 'NOT SURVIVED'}", flush=True)  # fmt: skip
    reach(child, child.training.steps)
    child.wait()
    return outcomes


def reach(child: Child, step: int) -> bool:
    """Waits for a step, beginning again where the process ended; False when it never gets there."""
    for _ in range(TRIES):
        try:
            if child.wait_until(step):
                return True
        except Stuck:
            child.end(9)
        child.start()
    return False


def strike(child: Child, where: Disk, fault: Fault, dice: Random) -> Outcome:
    """One fault, and the training after it until it moves again."""
    since, step, seconds = child.told(), child.step(), child.seconds()
    child.mark()
    try:
        code, as_expected = KINDS[fault.kind](child, where, dice)
    except Stuck:
        code, as_expected = None, False
    child.mark()
    if child.running.poll() is not None:
        child.start()
    resumed = went_on(child, since) if code is not None else step
    return {
        "kind": fault.kind,
        "seconds": seconds,
        "step": step,
        "resumed": max(resumed, 0),
        "code": code,
        "survived": as_expected and resumed >= 0,
        "said": "\n".join(telling(child.said(since))),
    }


def went_on(child: Child, since: int) -> int:
    """The step at which the next process begins; -1 when none does."""
    for _ in range(TRIES):
        while child.running.poll() is None:
            time.sleep(POLL)
            begun = [line for line in child.said(since).splitlines() if " of " in line
                     and line.startswith(("resuming at step", "starting of"))]  # fmt: skip
            if begun:
                last = begun[-1].split()
                return int(last[3]) if last[0] == "resuming" else 0
        child.start()
    return -1


def telling(text: str) -> Iterator[str]:
    """The lines that tell of a fault: not those of progress."""
    for line in text.splitlines():
        if line.strip() and not line.startswith(("step ", "weights in")):
            yield line


class Ends(TypedDict):
    """What a training ends with, each as a hash."""

    weights: str
    state: str
    statistics: str
    frames: str


def ends(folder: Path) -> Ends:
    """Of a finished run: published weights, every tensor that a next step would use, losses."""
    state = torch.load(folder / NAME, weights_only=True)
    tensors = {part: state[part] for part in ("step", "method", "ema", "optimizers")}
    rows = [json.loads(line) for line in (folder / "stats.jsonl").read_text().splitlines()]
    losses = [{key: row[key] for key in row if key not in TIMES} for row in rows]
    frames = {path.name: sha256_file(path) for path in sorted((folder / "frames").glob("*.png"))}
    return {
        "weights": sha256_file(folder / "weights.safetensors"),
        "state": _digest(tensors),
        "statistics": _digest(losses),
        "frames": _digest(frames),
    }


def _digest(value: object) -> str:
    """SHA-256 of nested values, of tensors bit by bit."""
    found = hashlib.sha256()
    for part in _flat(value):
        found.update(part)
    return found.hexdigest()


def _flat(value: object) -> Iterator[bytes]:
    if isinstance(value, Tensor):
        yield repr((value.dtype, tuple(value.shape))).encode()
        yield value.contiguous().flatten().view(torch.uint8).numpy().tobytes()
    elif isinstance(value, dict):
        for key, item in value.items():
            yield repr(key).encode()
            yield from _flat(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _flat(item)
    else:
        yield repr(value).encode()
