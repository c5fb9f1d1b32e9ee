"""How runs fare, by what lies in their folders; and by the queue, where there is one."""

from __future__ import annotations

import math
import re
import stat
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from imggen.runs.folder import FAILED, STOPPED, RunDir
from imggen.system import attempts, locks, slurm
from imggen.system.errors import UserError
from imggen.system.files import read_json

MARKS = {"log.txt", "stats.jsonl", attempts.NAME, "checkpoint.pt"}
"""A folder with one of these is a run."""
PASSED = ("docs", "frames", "tensorboard")
DEPTH = 3
RECENT_ROWS = 20
"""Rows of statistics by which the time left is judged."""
BEGAN = re.compile(r"(?:starting|resuming at step (\d{1,18})) of (\d{1,18})\b")
STOPPED_AT = re.compile(rf"{STOPPED}.* at step (\d{{1,18}})\b")


@dataclass(frozen=True)
class Listed:
    """A run directory at a glance."""

    name: str
    folder: str
    state: str
    """queued, running, interrupted, finished or failed."""
    reason: str
    """Why, or what it does just now."""
    step: int
    steps: int | None
    images_per_second: float | None
    """Of a running one, as is the time left."""
    seconds_left: float | None
    job: str | None


def listed(folders: tuple[Path, ...]) -> list[Listed]:
    """Every run below these folders, each named by its way from there.

    Raises: UserError for a folder that does not exist.
    """
    queue = slurm.queue()
    found = []
    for folder in folders:
        if _number(folder) is None:
            raise UserError(f"There is no folder {folder}: give one that holds runs.")
        for run in _runs(folder, DEPTH, set()):
            name = run.resolve().name if run == folder else str(run.relative_to(folder))
            found.append(glance(name, run, queue))
    return found


def _runs(folder: Path, depth: int, seen: set[tuple[int, int]]) -> Iterator[Path]:
    """Each once, however many links lead there; what is gone meanwhile is passed over."""
    number = _number(folder)
    if number is None or number in seen:
        return
    seen.add(number)
    try:
        inside = sorted(folder.iterdir())
    except FileNotFoundError:
        return
    except OSError as error:
        warnings.warn(f"{folder} can't be read ({error.strerror}): left out.", stacklevel=2)
        return
    if any(path.name in MARKS for path in inside):
        yield folder
    for below in inside if depth else ():
        if below.name not in PASSED:
            yield from _runs(below, depth - 1, seen)


def _number(folder: Path) -> tuple[int, int] | None:
    """What tells a folder from all others; None for anything else."""
    try:
        about = folder.stat()
    except OSError:
        return None
    return (about.st_dev, about.st_ino) if stat.S_ISDIR(about.st_mode) else None


def glance(name: str, folder: Path, queue: dict[str, str]) -> Listed:
    """One run; `queue` holds the state of each job."""
    run, job = RunDir(folder), attempts.read(folder)["job"]
    log = _lines(run.log_file)
    rows = _rows(run)
    begun = [found for line in log if (found := BEGAN.match(line))]
    steps = int(begun[-1][2]) if begun else None
    at = _step(rows, log, begun)
    state, reason = _state(run, log, queue.get(job or ""), trained=at == steps)
    running = state == "running" and rows and steps is not None and at < steps
    pace = rows[-1].get("images_per_second") if running else None
    return Listed(
        name=name,
        folder=str(folder),
        state=state,
        reason=reason,
        step=at,
        steps=steps,
        images_per_second=pace if pace is not None and math.isfinite(pace) else None,
        seconds_left=_seconds_left(rows, steps) if running and steps is not None else None,
        job=job if job in queue else None,
    )


def _step(rows: list[dict[str, float]], log: list[str], begun: list[re.Match[str]]) -> int:
    """The last one that is known of."""
    seen = [int(rows[-1]["step"])] if rows else [0]
    seen += [int(found[1]) for line in log[-1:] if (found := STOPPED_AT.match(line))]
    return max(*seen, int(begun[-1][1] or 0) if begun else 0)


def _state(run: RunDir, log: list[str], queued: str | None, trained: bool) -> tuple[str, str]:
    """What a run does, and why."""
    told, last = attempts.read(run.path), log[-1] if log else ""
    if locks.is_held(run.path):
        return "running", "scoring and drawing" if trained else "training"
    if queued is not None and queued.startswith("PENDING"):
        return "queued", f"job {told['job']} {queued.removeprefix('PENDING').strip(' ()')}".strip()
    finished = _is_finished(run, last) or (told["done"] and not log)
    if queued is not None and not finished:
        return "running", f"job {told['job']} {queued.lower()}"
    if last.startswith(FAILED):
        return "failed", last.removeprefix(FAILED)
    if finished:
        return "finished", last if last.startswith("published") else ""
    if told["error"]:
        return "failed", told["error"]
    if last.startswith(STOPPED):
        return "interrupted", last
    return "interrupted", "it ended without a word" if log else "it did not begin"


def _is_finished(run: RunDir, last: str) -> bool:
    """Whether all was done that was asked for."""
    if last.startswith("published in"):
        return True
    try:
        unscored = "--no-publish" in read_json(run.manifest)["command"]
        return unscored and last.startswith("weights in")
    except (UserError, KeyError, TypeError):
        return False


def _seconds_left(rows: list[dict[str, float]], steps: int) -> float | None:
    """By the pace of the last rows, of which the first one was reached from nothing."""
    first, last = [{"step": 0.0, "wall_seconds": 0.0}, *rows][-RECENT_ROWS:][0], rows[-1]
    done = last["step"] - first["step"]
    passed = last.get("wall_seconds", 0) - first.get("wall_seconds", 0)
    left = passed / done * (steps - last["step"]) if done > 0 and passed > 0 else math.inf
    return round(left, 1) if math.isfinite(left) else None


def _rows(run: RunDir) -> list[dict[str, float]]:
    try:
        return run.read_stats() if run.stats.is_file() else []
    except OSError:
        return []


def _lines(path: Path) -> list[str]:
    try:
        return _text(path).splitlines()
    except OSError:
        return []


def _text(path: Path) -> str:
    """What a file says. Raises: OSError also for a pipe, which might never say anything."""
    if not path.is_file():
        raise FileNotFoundError(path)
    return path.read_text(encoding="utf-8", errors="replace")
