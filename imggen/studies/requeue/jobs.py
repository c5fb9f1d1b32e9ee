"""Jobs that are disturbed when they come to a phase of their life, and what is seen of them."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypedDict

from imggen.runs.folder import FAILED, STOPPED
from imggen.studies.requeue.cluster import Cluster
from imggen.system.errors import UserError
from imggen.system.files import sha256_file

Phase = Literal["waits", "begins", "trains", "scores", "ended"]
Act = Literal["none", "requeue", "pre-empt", "lose the node"]
LINES: dict[str, Phase] = {"starting": "trains", "resuming": "trains", "weights in": "scores"}
"""How a line of the log begins, and the phase that begins with it."""
OVER = {"COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL"}
NODE = "n3"
"""The one that is lost."""


class Span(TypedDict):
    """A phase of a job, in seconds since the first one was submitted."""

    phase: str
    begin: float
    end: float


class Event(TypedDict):
    """What was done to a job, or what it said."""

    at: float
    what: str


@dataclass(frozen=True)
class Plan:
    """What is done to a job, and when."""

    name: str
    act: Act = "none"
    phase: Phase = "trains"
    """The phase in which it is done."""
    after: float = 1.0
    """Seconds into that phase."""
    times: int = 1
    launch: tuple[str, ...] = ()
    """Flags of imggen launch slurm."""


@dataclass
class Job:
    """A job and what was seen of it."""

    plan: Plan
    folder: Path
    number: str
    phase: Phase = "waits"
    since: float = 0.0
    done: int = 0
    """How often it was disturbed."""
    read: int = 0
    """Lines of its log that were seen."""
    spans: list[Span] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    state: str = "PENDING"

    def come_to(self, phase: Phase, now: float) -> None:
        """Ends one phase and begins another."""
        if phase != self.phase:
            if now > self.since:
                self.spans.append({"phase": self.phase, "begin": self.since, "end": now})
            self.phase, self.since = phase, now

    def look(self, state: str, now: float) -> None:
        """What the queue and its log say now."""
        running, was_running = state == "RUNNING", self.state == "RUNNING"
        self.state = state
        log = self.folder / "log.txt"
        lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        fresh, self.read = lines[self.read :], len(lines)
        if running and not was_running:
            self.come_to("begins", now)
        for line in fresh:
            if line.startswith((STOPPED, FAILED)):
                self.events.append({"at": now, "what": line.split(":")[0]})
            for start, phase in LINES.items():
                if line.startswith(start) and running:
                    self.come_to(phase, now)
        if state in OVER:
            self.come_to("ended", now)
        elif not running:
            self.come_to("waits", now)

    def is_due(self, now: float) -> bool:
        """Whether it is time to disturb it."""
        plan = self.plan
        wanted = plan.act != "none" and self.phase == plan.phase and self.done < plan.times
        return wanted and now - self.since >= plan.after

    def has_lost_its_node(self) -> bool:
        """Whether the cluster noticed that the job's node is gone."""
        return self.plan.act == "lose the node" and self.done > 0 and self.state == "PENDING"


def submit(
    plan: Plan, script: str, flags: tuple[str, ...], run: Path, cluster: Cluster, begun: float
) -> Job:
    """Launches a job as a person would. Raises: UserError when that fails."""
    folder = run / plan.name.replace(" ", "-").replace(",", "")
    done = subprocess.run(
        [*(sys.executable, "-m", "imggen", "launch", "slurm", script, "--gpus", "0", "--cpus", "1"),
         *plan.launch, "--", *flags, "--run-dir", str(folder)],
        env=cluster.environment, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode != 0:
        raise UserError(f"{plan.name} could not be launched ({done.stderr.strip()}).")
    return Job(plan, folder, done.stdout.split()[1], since=time.monotonic() - begun)


def disturb(job: Job, cluster: Cluster, now: float) -> None:
    """Does to a job what its plan says."""
    job.done += 1
    job.events.append({"at": now, "what": job.plan.act})
    if job.plan.act == "requeue":
        cluster.ask("scontrol", "requeue", job.number)
    elif job.plan.act == "pre-empt":
        cluster.ask("sbatch", "-p", "high", "--exclusive", "-o", "/dev/null", "--wrap", "sleep 5")
    elif job.plan.act == "lose the node":
        cluster.lose_node(NODE)
        job.come_to("waits", now)  # though the cluster takes a while to notice


def follow(
    jobs: list[Job], complete: Callable[[], bool], cluster: Cluster, begun: float, seconds: float
) -> None:
    """Watches and disturbs the jobs until all are over and their list is `complete`.

    Raises: UserError when that takes longer than `seconds`.
    """
    while not complete() or any(job.state not in OVER for job in jobs):
        now = time.monotonic() - begun
        if now > seconds:
            raise UserError(f"After {seconds:.0f} s these jobs are not over: {_left(jobs)}.")
        states = cluster.states()
        for job in [*jobs]:
            if job.state in OVER:
                continue
            job.look(states.get(job.number, job.state), now)
            if job.is_due(now):
                disturb(job, cluster, now)
            elif job.has_lost_its_node() and NODE not in cluster.daemons:
                cluster.start_node(NODE)  # repaired
        time.sleep(0.2)


def _left(jobs: list[Job]) -> str:
    return ", ".join(job.plan.name for job in jobs if job.state not in OVER)


def weights(job: Job) -> str | None:
    """SHA-256 of what it ended with, if it came to an end."""
    path = job.folder / "weights.safetensors"
    return sha256_file(path) if path.exists() else None
