"""Jobs that a real SLURM stops in every phase of their life: when they ran, waited, and went on."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, cast

import tyro

from imggen.drawing.charts import COLOURS, INK, drawing, svg
from imggen.publishing.status import intact
from imggen.publishing.study import (
    Begun,
    StudyOptions,
    common_manifest,
    publish_study,
    published_folder,
    run_folder,
)
from imggen.runs.folder import STOPPED
from imggen.studies.requeue.cluster import Cluster, missing
from imggen.studies.requeue.jobs import Event, Job, Plan, Span, follow, submit, weights
from imggen.system import attempts
from imggen.system.command import run_command
from imggen.system.errors import UserError
from imggen.system.files import Json, json_bytes, read_json

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FILE = "requeue.json"
FIGURES = {
    "requeue": (
        "requeue.svg",
        "The same training as eight jobs of one SLURM cluster. A diamond is what was done to it, "
        "a hollow one the signal of SLURM before a time limit.",
    )
}
LONGEST_SECONDS = 900.0
PALETTE = {
    "waits": "#a9aeb8",
    "begins": COLOURS[4],
    "trains": COLOURS[0],
    "scores": COLOURS[2],
}
SAYS = {
    "waits": "in the queue",
    "begins": "imports and loads",
    "trains": "trains",
    "scores": "scores and draws",
}


class Seen(TypedDict):
    """One job of requeue.json."""

    name: str
    spans: list[Span]
    events: list[Event]
    turns: int
    state: str
    same_weights: bool | None
    """As the undisturbed job's; None for one that came to no end."""
    error: str | None


@dataclass(frozen=True)
class Requeue:
    """The question with its settings of record: a script, its flags, what is done to each job."""

    slug: str
    title: str
    script: str
    flags: tuple[str, ...]
    plans: tuple[Plan, ...]
    """The first one is not disturbed."""

    method_path = f"{follow.__module__}:follow"
    loop = None

    def config(self) -> Json:
        """The settings of record."""
        plans = [[vars(plan)[name] for name in vars(plan)] for plan in self.plans]
        return {"method": {"script": self.script, "flags": list(self.flags), "plans": plans}}

    def main(self) -> None:
        """Reads the command line, does it, publishes, and exits: 0 done, 2 bad input."""
        run_command(lambda: self.run(tyro.cli(StudyOptions, description=f"{self.title}.")))

    def run(self, options: StudyOptions) -> None:
        """Starts a cluster and runs all jobs in it; `--from-published` only draws again.

        Raises: UserError where there can be no cluster.
        """
        begun, config = Begun(), self.config()
        if options.from_published:
            folder = published_folder(self, options, config)
            manifest = intact(folder, FILE)
            found = cast("list[Seen]", read_json(folder / FILE)["jobs"])
        else:
            found = self.measure(options)
            manifest = common_manifest(self, config, None, seed=0) | begun.facts()
        if options.publish:
            files = {FIGURES["requeue"][0]: picture(found), FILE: json_bytes({"jobs": found})}
            publish_study(self, options, files, manifest)

    def measure(self, options: StudyOptions) -> list[Seen]:
        """All jobs in one cluster, to their ends."""
        if (reason := missing()) is not None:
            raise UserError(f"This study starts a SLURM cluster of its own, and {reason}.")
        run = run_folder(self, options).absolute()
        shutil.rmtree(run, ignore_errors=True)
        cluster = Cluster(run / "slurm")
        try:
            cluster.start()
            jobs = self.followed(cluster, run)
        finally:
            cluster.stop()
        undisturbed = weights(jobs[0])
        found = [_seen(job, undisturbed) for job in jobs]
        for each in found:
            told = {True: "the same weights", False: "OTHER WEIGHTS", None: "no weights"}
            print(f"{each['name']}: {each['turns']} turns, {told[each['same_weights']]}")
        return found

    def followed(self, cluster: Cluster, run: Path) -> list[Job]:
        """The jobs at their ends; the first ones run while the last ones are still launched."""
        begun, jobs, left = time.monotonic(), list[Job](), [*self.plans]

        def launch() -> None:
            while left:
                jobs.append(submit(left.pop(0), self.script, self.flags, run, cluster, begun))

        with ThreadPoolExecutor(1) as launches:
            launching = launches.submit(launch)
            try:
                follow(jobs, launching.done, cluster, begun, LONGEST_SECONDS)
                launching.result()
            finally:
                left.clear()  # who is stopped launches no more
        return jobs


def _seen(job: Job, undisturbed: str | None) -> Seen:
    ended = weights(job)
    return {
        "name": job.plan.name,
        "spans": [
            {**span, "begin": _s(span["begin"]), "end": _s(span["end"])} for span in job.spans
        ],
        "events": [{"at": _s(event["at"]), "what": event["what"]} for event in job.events],
        "turns": sum(span["phase"] == "begins" for span in job.spans),
        "state": job.state,
        "same_weights": None if ended is None else ended == undisturbed,
        "error": attempts.read(job.folder)["error"],
    }


def _s(seconds: float) -> float:
    return round(seconds, 1)


def picture(found: Sequence[Seen]) -> bytes:
    """SVG: a bar for each job below its name, time from left to right."""
    with drawing(5.0, 0.72 * len(found) + 1.2) as (figure, buffer):
        axis = figure.subplots()
        for row, job in enumerate(found):
            _bar(axis, row, job)
        longest = max(span["end"] for job in found for span in job["spans"])
        axis.set(xlim=(0, longest * 1.02), ylim=(len(found) - 0.3, -0.75), yticks=[])
        axis.set_xlabel("seconds since the first launch")
        axis.grid(axis="x", color=INK, alpha=0.2, linewidth=0.6)
        axis.set_axisbelow(True)
        axis.spines["left"].set_visible(False)
        handles = [
            axis.barh(0, 0, color=PALETTE[phase], label=word) for phase, word in SAYS.items()
        ]
        figure.legend(handles=handles, loc="outside upper center", ncols=2, frameon=False,
                      fontsize=10, labelcolor=INK)  # fmt: skip
        return svg(figure, buffer)


def _bar(axis: Axes, row: int, job: Seen) -> None:
    """One job: its phases, what was done to it, and how it ended."""
    for span in job["spans"]:
        thick = 0.1 if span["phase"] == "waits" else 0.36
        length = span["end"] - span["begin"]
        axis.barh(row, length, left=span["begin"], height=thick, color=PALETTE[span["phase"]])
    acts = [event["at"] for event in job["events"] if not event["what"].startswith(STOPPED)]
    heard = [event["at"] for event in job["events"]] if not acts else []
    for times, fill in ((acts, COLOURS[1]), (heard, "none")):
        axis.plot(times, [row + 0.31] * len(times), "D", color=COLOURS[1], markerfacecolor=fill,
                  markersize=5)  # fmt: skip
    said = {True: ": same weights", False: ": other weights", None: ": stops, and says why"}
    label = job["name"] + (said[job["same_weights"]] if job["turns"] > 1 else "")
    axis.annotate(label, (0, row - 0.28), (3, 0), textcoords="offset points", va="bottom",
                  fontsize=10, color=INK)  # fmt: skip
