"""A real SLURM on this machine: jobs that are disturbed end with the bits of those that are not."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from imggen.studies.requeue.cluster import Cluster, missing, wait_for
from imggen.system.files import sha256_file

pytestmark = [pytest.mark.slurm, pytest.mark.skipif(missing() is not None, reason=str(missing()))]

STEPS = 200
FLAGS = ("--data.name", "digits", "--train.steps", str(STEPS), "--train.checkpoint-seconds", "1",
         "--train.frames", "0", "--train.log-steps", "10", "--no-publish")  # fmt: skip


class Jobs:
    """Submits trainings with `imggen launch slurm` and follows them."""

    def __init__(self, cluster: Cluster, folder: Path, run) -> None:
        self.cluster, self.folder, self.run = cluster, folder, run
        self.ids: dict[str, str] = {}

    def launch(self, name: str, *flags: str, pause: float = 0.03, docs: Path | None = None) -> None:
        """Submits one whose run directory has this name; it publishes below `docs`, if anywhere."""
        published = () if docs is None else ("--publish", "--docs-dir", docs)
        environment = {"PAUSE": str(pause)}
        done = self.run(
            *("imggen", "launch", "slurm", "tests/launch/slow.py", "--gpus", "0", "--cpus", "1"),
            *(*flags, "--", *FLAGS, *published, "--run-dir", self.folder / name),
            **self.cluster.environment, **environment,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        for line in done.stdout.splitlines():
            if line.startswith("job "):
                _, number, _, folder = line.split()
                self.ids[str(Path(folder).relative_to(self.folder))] = number

    def restarts(self, name: str) -> int:
        told = self.cluster.ask("scontrol", "show", "job", "-o", self.ids[name])
        return int(told.partition("Restarts=")[2].split(" ")[0])

    def saved(self, name: str) -> bool:
        """Whether there is a checkpoint, and a row of statistics that tells its pace."""
        folder = self.folder / name
        return (folder / "checkpoint.pt").exists() and (folder / "stats.jsonl").exists()

    def weights(self, name: str) -> str:
        return sha256_file(self.folder / name / "weights.safetensors")

    def log(self, name: str) -> str:
        path = self.folder / name / "log.txt"
        return path.read_text() if path.exists() else ""

    def states(self) -> dict[str, str]:
        told = self.cluster.states()
        return {name: told[job] for name, job in self.ids.items()}

    def listed(self) -> dict[str, dict]:
        done = self.run("imggen", "runs", self.folder, "--json", **self.cluster.environment)
        return {row["name"]: row for row in json.loads(done.stdout)}


@pytest.fixture
def jobs(tmp_path, run):
    cluster = Cluster(tmp_path / "slurm")
    try:
        cluster.start()
        yield Jobs(cluster, tmp_path / "runs", run)
    finally:
        cluster.stop()


@pytest.mark.slow
def test_a_cluster_disturbs_jobs_and_loses_nothing(jobs):
    """Submit, requeue, pre-emption, time limit, node loss, two nodes, an array of seeds.

    All at once in one cluster: most of their time is waiting.
    """
    cluster = jobs.cluster
    # The controller looks at time limits every 30 s: this one waits for it. It begins alone, so
    # that it trains when it is signalled, however long imports take where seven jobs begin at once.
    jobs.launch("limit", "--time", "2", "--lead", "75", "--seeds", "0", pause=0.5)
    wait_for(lambda: jobs.saved("limit/seed-0"), 150, "the first checkpoint")
    jobs.launch("lost", "--partition", "shaky")
    jobs.launch("kind", "--partition", "kind")
    jobs.launch("requeued")
    jobs.launch("both", "--nodes", "2")
    jobs.launch("seeds", "--seeds", "0-1", pause=0)
    jobs.launch("both-undisturbed", "--nodes", "2", pause=0, docs=jobs.folder / "docs")

    wait_for(lambda: jobs.saved("lost"), 150, "a checkpoint")
    cluster.lose_node("n3")
    wait_for(lambda: all(map(jobs.saved, ("kind", "requeued", "both"))), 150, "checkpoints")
    seen = jobs.listed()
    cluster.ask("sbatch", "-p", "high", "--exclusive", "-o", "/dev/null", "--wrap", "sleep 2")
    cluster.ask("scontrol", "requeue", jobs.ids["requeued"])
    cluster.ask("scontrol", "requeue", jobs.ids["both"])
    wait_for(lambda: jobs.states()["lost"] == "PENDING", 150, "the loss of a node noticed")
    cluster.start_node("n3")
    wait_for(lambda: "SIGUSR1 at step" in jobs.log("limit/seed-0"), 240, "the time limit")
    # Its next turns would be as short, too short for a machine with much else to do.
    cluster.ask("scontrol", "update", f"JobId={jobs.ids['limit/seed-0']}", "TimeLimit=10")
    ends = {"COMPLETED", "FAILED", "TIMEOUT", "CANCELLED", "NODE_FAIL"}
    wait_for(lambda: {*jobs.states().values()} <= ends, 240, "the end of all jobs")
    assert set(jobs.states().values()) == {"COMPLETED"}, jobs.states()

    assert seen["requeued"]["state"] == "running" and seen["requeued"]["steps"] == STEPS
    assert seen["requeued"]["seconds_left"] > 0
    undisturbed = jobs.weights("seeds/seed-0")
    assert undisturbed != jobs.weights("seeds/seed-1")
    for name, sign in (
        ("limit/seed-0", "Stopped by SIGUSR1 at step"),
        ("kind", "Stopped by SIGUSR1 at step"),
        ("requeued", "Stopped by SIGTERM at step"),
        ("lost", "resuming at step"),
        # Of two processes the other one may have heard of it first.
        ("both", "Stopped by (SIGTERM|another process) at step"),
    ):
        assert re.search(sign, jobs.log(name)), (name, jobs.log(name))
        assert "resuming at step" in jobs.log(name) and jobs.restarts(name) > 0, name
        same = jobs.weights("both-undisturbed") if name == "both" else undisturbed
        assert jobs.weights(name) == same, (name, jobs.log(name))
    assert ", 2 x " in jobs.log("both") and ", 2 x " in jobs.log("both-undisturbed")
    assert {row["state"] for row in jobs.listed().values()} == {"finished"}
    # Of two processes the first one scores, draws and publishes, once.
    (published,) = jobs.folder.rglob("metrics.json")
    assert json.loads(published.read_text())["metrics"]["frechet_distance"]["value"] > 0
    assert jobs.log("both-undisturbed").count("published in") == 1
