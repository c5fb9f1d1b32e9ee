"""`imggen launch slurm`: an experiment as a job that finds its way back into the queue."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import re
import shlex
import shutil
import sys
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

from imggen.launch.asked import Asked, ask, refuse_no_script, refuse_unwritable_run
from imggen.launch.flags import after_dashes
from imggen.launch.partitions import (
    chosen,
    most_tasks,
    refuse_too_little,
    slurm_time,
    time_limit,
)
from imggen.launch.script import LEAD_SECONDS, Resources, render
from imggen.runs.places import checkout
from imggen.system import attempts
from imggen.system.errors import UserError, one_line
from imggen.system.slurm import ask as ask_slurm
from imggen.system.slurm import queue

MOST_LEAD = 2**16 - 1
ACCOUNT = re.compile(r"\w[\w.@+:-]*")


@dataclasses.dataclass(frozen=True)
class Job:
    """An experiment, its seeds and what it asks the cluster for."""

    asked: Asked
    resources: Resources
    seeds: tuple[int, ...]
    """A task of an array each; empty for one job with the experiment's own seed."""
    lead: int

    def run_dirs(self) -> dict[str, Path]:
        """The run directory of each task, by its number in the array; one "" without seeds."""
        below = self.asked.run_dir
        return {str(seed): below / f"seed-{seed}" for seed in self.seeds} or {"": below}

    def script(self) -> str:
        """What is submitted."""
        folder, flags = self.asked.run_dir, _without_run_dir(self.asked.flags)
        task = "/seed-$SLURM_ARRAY_TASK_ID" if self.seeds else ""
        seed = " --train.seed $SLURM_ARRAY_TASK_ID" if self.seeds else ""
        program = shlex.join([sys.executable, str(self.asked.script), *flags])
        return render(
            f"Submitted by: {one_line(shlex.join(['imggen', *sys.argv[1:]]))}",
            f"imggen-{self.asked.slug}",
            self.resources,
            lead=self.lead,
            log=_log(folder, "seed-%a/slurm.log" if self.seeds else "slurm.log"),
            begin=f"cd {shlex.quote(str(checkout() or Path.cwd()))} || exit 2",
            command=f"{program}{seed} --run-dir {shlex.quote(str(folder))}{task}",
            array=",".join(map(str, self.seeds)) or None,
        )


def slurm(
    script: Annotated[Positional[Path], tyro.conf.arg(metavar="SCRIPT")],
    partition: str | None = None,
    gpus: int = 1,
    nodes: int = 1,
    cpus: int = 4,
    time: str | None = None,
    seeds: str | None = None,
    account: str | None = None,
    lead: int = LEAD_SECONDS,
    dry_run: bool = False,
) -> int:
    """Submits an experiment to SLURM; flags of the experiment follow after --.

    The job saves and goes back into the queue when its time is up or its node is wanted, and goes
    on where it was. What can be known to be wrong is refused before anything is submitted.

    Args:
        script: The experiment: experiments/dcgan_mnist.py.
        partition: Where it runs; default the cluster's own.
        gpus: GPUs on each node, a process each; 0 trains on the CPUs, with one process a node.
        nodes: Nodes.
        cpus: CPUs of each process.
        time: Time limit of one turn, as SLURM writes it (04:00:00); the whole may take many turns.
            Default 4 hours, or what the partition allows.
        seeds: An array, a task and a run directory for each seed: 0-4 or 0,2,5.
        account: The account that pays, where the cluster wants one.
        lead: Seconds between the signal to save and the time limit.
        dry_run: Print the script and submit nothing.
    """
    if shutil.which("sbatch") is None:
        raise UserError(
            "There is no sbatch on this machine: submit on the login node of a SLURM cluster, or "
            f"start it here with python {script}."
        )
    job = _checked(script, Resources(partition, nodes, gpus, cpus, time, account), seeds, lead)
    for folder in job.run_dirs().values():
        refuse_unwritable_run(folder, make=not dry_run)
    if dry_run:
        print(job.script(), end="")
        return 0
    _refuse_second(list(job.run_dirs().values()))
    _submit(job)
    return 0


def _checked(script: Path, resources: Resources, seeds: str | None, lead: int) -> Job:
    """The job. Raises: UserError for what this cluster or this experiment can't do."""
    for flag, value, least in (
        ("--nodes", resources.nodes, 1),
        ("--gpus", resources.gpus, 0),
        ("--cpus", resources.cpus, 1),
        ("--lead", lead, 1),
    ):
        if value < least:
            raise UserError(f"{flag} is {value}: give a whole number from {least} up.")
    if lead > MOST_LEAD:
        raise UserError(f"--lead is {lead}: SLURM takes up to {MOST_LEAD} seconds.")
    if resources.account is not None and not ACCOUNT.fullmatch(resources.account):
        raise UserError(f"--account {resources.account!r} is no name of an account.")
    refuse_no_script(script)
    partition = chosen(resources.partition)
    limit = time_limit(resources.time, partition)
    resources = dataclasses.replace(resources, time=resources.time or slurm_time(limit))
    tasks = resources.tasks
    refuse_too_little(
        partition, nodes=resources.nodes, cpus=tasks * resources.cpus, gpus=resources.gpus
    )
    asked = ask(script, after_dashes())
    _refuse_unnameable(asked.run_dir)
    if asked.training is not None:
        _refuse_short(limit, asked.training.checkpoint_seconds, lead, str(resources.time))
        _refuse_remainder(asked.training.batch_size, resources.nodes * tasks)
    elif resources.nodes * tasks > 1:
        raise UserError(f"{asked.slug} is a study and runs as one process: --nodes 1 --gpus 1.")
    return Job(asked, resources, _seeds(seeds, asked), lead)


def _refuse_unnameable(folder: Path) -> None:
    """SLURM takes no backslash in a log's name, and a script's line ends where it ends."""
    if one_line(str(folder)) != str(folder) or "\\" in str(folder):
        raise UserError(
            f"SLURM can't keep a log in {folder}: give a --run-dir without backslashes and ends of "
            "lines."
        )


def _log(folder: Path, name: str) -> str:
    """The file of a log as sbatch reads it: % begins what it fills in, unless doubled."""
    quoted = str(folder).replace('"', '\\"').replace("%", "%%")
    return f'"{quoted}/{name}"'


def _refuse_short(limit: float, between: float, lead: int, time: str) -> None:
    """SLURM counts time limits in whole minutes."""
    if math.isfinite(limit) and math.ceil(limit / 60) * 60 <= between + lead:
        raise UserError(
            f"--time {time} is no longer than what lies between two checkpoints "
            f"(--train.checkpoint-seconds {between:g}) and the {lead} s that the signal comes "
            "before its end (--lead): such a job would get nowhere."
        )


def _refuse_remainder(batch: int, processes: int) -> None:
    if batch % processes:
        raise UserError(
            f"--train.batch-size {batch} does not divide by {processes} processes: choose a "
            "multiple, or other --nodes and --gpus."
        )


def _seeds(text: str | None, asked: Asked) -> tuple[int, ...]:
    if text is None:
        return ()
    if asked.training is None:
        raise UserError(f"{asked.slug} is a study with seeds of its own: leave --seeds out.")
    if any(flag.partition("=")[0].replace("_", "-") == "--train.seed" for flag in asked.flags):
        raise UserError("--seeds and --train.seed both name seeds: leave one out.")
    found, most = list[int](), most_tasks()
    for part in text.split(","):
        ends = re.fullmatch(r"(\d{1,18})(?:-(\d{1,18}))?", part.strip(), re.ASCII)
        if ends is None or int(ends[2] or ends[1]) < int(ends[1]):
            raise UserError(f"--seeds {text} names no seeds: give them as 0-4 or 0,2,5.")
        if int(ends[2] or ends[1]) >= most:
            raise UserError(
                f"--seeds {text}: arrays of this cluster are numbered up to {most - 1}; a larger "
                "seed alone is --train.seed after the --."
            )
        found += range(int(ends[1]), int(ends[2] or ends[1]) + 1)
    return tuple(dict.fromkeys(found))


def _without_run_dir(flags: tuple[str, ...]) -> list[str]:
    """The flags without --run-dir, which the script names itself."""
    kept, skip = list[str](), False
    for flag in flags:
        name, equals, _ = flag.partition("=")
        if name.replace("_", "-") == "--run-dir":
            skip = not equals
        elif skip:
            skip = False
        else:
            kept.append(flag)
    return kept


def _refuse_second(folders: list[Path]) -> None:
    """Raises UserError when a job of ours is yet to train there: it would only be in its way."""
    queued = queue()
    for folder in folders:
        before = attempts.read(folder)["job"]
        if before in queued and not queued[before].startswith("COMPLETING"):
            raise UserError(
                f"Job {before} is in the queue for {folder} already ({queued[before]}): end it "
                f"with scancel {before}, or choose another --run-dir after the --."
            )


def _submit(job: Job) -> None:
    try:
        told = ask_slurm("sbatch", "--parsable", given=job.script())
    except UserError:
        for folder in (*job.run_dirs().values(), job.asked.run_dir):
            with contextlib.suppress(OSError):  # it holds something: it was there before
                folder.rmdir()
        raise
    number = told.strip().split(";")[0]
    for task, folder in job.run_dirs().items():
        name = f"{number}_{task}" if task else number
        print(f"job {name} in {folder}")
        with contextlib.suppress(OSError):  # the disk is full now: the job itself will say so
            attempts.submitted(folder, name)
    print("imggen runs lists how they fare")
