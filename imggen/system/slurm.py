"""SLURM, where there is one: the job that this process belongs to, and what its commands answer."""

from __future__ import annotations

import os
import subprocess

from imggen.system.errors import UserError

ANSWER_SECONDS = 30.0
"""A busy controller may take its time; a dead one must not hold us for ever."""


def job_id() -> str | None:
    """This process's job as squeue writes it (17, or 17_3 in an array); None outside SLURM."""
    environ = os.environ
    if "SLURM_ARRAY_JOB_ID" in environ and "SLURM_ARRAY_TASK_ID" in environ:
        return f"{environ['SLURM_ARRAY_JOB_ID']}_{environ['SLURM_ARRAY_TASK_ID']}"
    return environ.get("SLURM_JOB_ID") or None


def ask(*command: str, given: str = "", patience: float = ANSWER_SECONDS) -> str:
    """What a command of SLURM prints. Raises: UserError with its own reason when it fails."""
    try:
        done = subprocess.run(
            command,
            input=given,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            timeout=patience,
        )
    except FileNotFoundError as error:
        raise UserError(
            f"There is no {command[0]} on this machine: do this on the login node of a SLURM "
            "cluster, or start the script itself here."
        ) from error
    except subprocess.TimeoutExpired as error:
        raise UserError(f"SLURM left {command[0]} unanswered: try again later.") from error
    if done.returncode != 0:
        reason = (done.stderr or done.stdout).strip().split("\n")[-1]
        reason = reason.removeprefix(f"{command[0]}: error: ")
        raise UserError(f"SLURM refused ({reason}).")
    return done.stdout


def answer(*command: str, patience: float = ANSWER_SECONDS) -> str:
    """The same; empty where it fails, or where there is no SLURM."""
    try:
        return ask(*command, patience=patience)
    except (UserError, OSError):
        return ""


def queue() -> dict[str, str]:
    """State of each of this user's jobs (PENDING, RUNNING, ...); empty where there is no SLURM."""
    jobs = {}
    for line in answer("squeue", "--me", "-h", "-r", "-o", "%i|%T|%r").splitlines():
        job, state, reason = (*line.split("|", 2), "", "")[:3]
        jobs[job] = f"{state} ({reason})" if reason not in ("", "None") else state
    return jobs
