"""How often a job began a run: one that ends where it began, again and again, gets nowhere.

A scheduler puts a job back into the queue for ever. So under SLURM each attempt is written down as
it begins, before the slow imports even: one that leaves no word behind (it was killed, its node was
lost) counts too. Three in a row that changed nothing on the disk are enough.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from imggen.system.errors import UserError
from imggen.system.files import parse_json, write_bytes
from imggen.system.slurm import job_id
from imggen.system.world import read_environment

NAME = "attempts.json"
MOST = 3
"""Attempts of one job that may end where they began."""
SAVED, MADE = ("checkpoint*.pt",), ("manifest.json", "*.safetensors")
"""What survives an attempt. Nothing was gained when no checkpoint is new and nothing more was made.

When it was made does not count: each attempt at scoring a training makes its weights again.
"""

_folder: Path | None = None
"""Where this process wrote that it began: one folder, however many trainings it does below."""


def begin(folder: Path) -> None:
    """Writes down that this process begins; does nothing outside SLURM, or a second time.

    Of several processes the first one writes. The others must not wait for one that refused.

    Raises: UserError when the attempts before gained nothing; OSError where it can't write.
    """
    global _folder
    job, is_main = job_id(), read_environment().is_main
    if job is None or _folder is not None:
        return
    before, place = read(folder), position(folder)
    futile = before["attempts"] if before["job"] == job else []
    if futile and futile[-1]["position"] != place:
        futile = []
    if is_main:
        _folder = folder
    if len(futile) >= MOST and (is_main or before["error"]):
        raise UserError(_why(folder, job, futile))
    if not is_main:
        return
    this = {"host": socket.gethostname(), "pid": os.getpid(), "began": round(time.time(), 1)}
    _write(folder, {"job": job, "attempts": [*futile, this | {"position": place}]})


def end(goes_on: bool, sentence: str | None) -> None:
    """Writes down how this process ends, where it began: to go on later, done, or for a reason.

    Whatever ends for good is no attempt that failed to get on: it is forgotten.
    """
    if _folder is None:
        return
    told = read(_folder)
    if goes_on and told["attempts"]:
        told["attempts"][-1] |= {"ended": round(time.time(), 1), "reason": sentence}
    elif not goes_on:
        at_its_end = len(told["attempts"]) >= MOST and sentence is not None
        told = {
            "job": told["job"],
            "attempts": told["attempts"] if at_its_end else [],
            "error": sentence,
            "done": sentence is None,
        }
    with contextlib.suppress(OSError):  # the disk is full, say, which is told already
        _write(_folder, told)


def submitted(folder: Path, job: str) -> None:
    """Writes down which job will begin in this folder. Raises: OSError where it can't write."""
    if read(folder)["job"] != job:  # it did not begin yet
        _write(folder, {"job": job, "attempts": []})


def read(folder: Path) -> dict[str, Any]:
    """{"job", "attempts", "error", "done"}; nothing known of a missing or damaged file."""
    try:
        if (folder / NAME).is_fifo():  # which may never say anything
            raise ValueError
        told = parse_json((folder / NAME).read_text(encoding="utf-8"))
        attempts = [each for each in told["attempts"] if _is_attempt(each)]
        error = None if told.get("error") is None else str(told["error"])
        done = told.get("done") is True
        return {"job": str(told["job"]), "attempts": attempts, "error": error, "done": done}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {"job": None, "attempts": [], "error": None, "done": False}


def _is_attempt(each: Any) -> bool:
    """Whether it says when and where it began; and when and why it ended, or neither."""
    ended = isinstance(each.get("ended"), float | int) and isinstance(each.get("reason"), str)
    began = isinstance(each.get("began"), float | int) and isinstance(each.get("position"), str)
    return began and (ended or each.get("reason") is None)


def position(folder: Path) -> str:
    """What the run has on the disk, in a word that differs whenever something was gained."""
    saved, made = list(_times(folder, SAVED)), list(_times(folder, MADE))
    last = max(saved, default="never")
    return f"{len(saved)} checkpoints, the last of {last}; {len(made)} files made of them"


def _times(folder: Path, patterns: tuple[str, ...]) -> Iterator[int]:
    for pattern in patterns:
        for path in folder.rglob(pattern):
            with contextlib.suppress(OSError):  # another process renames it just now
                yield path.stat().st_mtime_ns


def _write(folder: Path, told: dict[str, Any]) -> None:
    write_bytes(folder / NAME, (json.dumps(told, indent=2) + "\n").encode())


def _why(folder: Path, job: str, futile: list[dict[str, Any]]) -> str:
    where = _last_beginning(folder)
    advice = "ask for a longer time limit, or save more often with --train.checkpoint-seconds"
    if (folder / "manifest.json").exists():
        where = "trained, but not scored and published"
        advice = "ask for a longer time limit, or leave the scores out with --no-publish"
    ends = ", ".join(dict.fromkeys(_end(each) for each in futile))
    return (
        f"{len(futile)} attempts of job {job} in a row ended where they began ({where}; {ends}), "
        f"so this one stops, or it would go on like this for ever: {advice}, and submit it again."
    )


def _end(attempt: dict[str, Any]) -> str:
    if attempt.get("reason") is None:
        return "one ended without a word"
    first = attempt["reason"].split(":")[0].rstrip(".") or "stopped"
    seconds = attempt["ended"] - attempt["began"]
    return f"one was {first[0].lower() + first[1:]} after {seconds:.0f} s"


def _last_beginning(folder: Path) -> str:
    try:
        lines = (folder / "log.txt").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    began = [line.split(",")[0] for line in lines if line.startswith(("starting", "resuming"))]
    return began[-1] if began else "before the training"
