"""Quality against cost: samplers of published generators at rising numbers of steps.

A model that is sampled in many steps has no one quality: it has a curve, and a sampler of a higher
order reaches its end sooner. No training is needed to draw it (Karras et al. 2022,
arXiv:2206.00364, Figure 2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

import torch
import tyro

from imggen.drawing import grids
from imggen.drawing.charts import Steps, ladders
from imggen.evaluation.against import Against, told
from imggen.evaluation.catalogue import Entries, heading, known
from imggen.evaluation.protocol import SEED
from imggen.publishing.study import (
    Begun,
    common_manifest,
    publish_study,
    published_folder,
    published_weights,
)
from imggen.runs.cost import network_passes
from imggen.runs.places import find
from imggen.runs.restore import load, sample_images, with_sampler
from imggen.studies.trade import Options, data_of
from imggen.system.command import run_command
from imggen.system.errors import UserError
from imggen.system.files import Json, json_bytes

SAMPLES, COLUMNS = 5_000, 16
FILE = "ladder.json"
SHOWN = ("frechet_distance", "precision", "coverage")
FIGURES = {
    "stairs": (
        "ladder.svg",
        "Against the passes of the network for one image, with 95 % intervals; the grey line is "
        "the score of real training images.",
    ),
    "rungs": (
        "rungs.png",
        "The same noise in every column; a row for each number of steps, in the order of the "
        "table.",
    ),
}


@dataclass(frozen=True)
class Climb:
    """One line of the ladder: a published generator and a sampler, at rising numbers of steps."""

    name: str
    """What stands beside the line."""
    generator: str
    """A published slug."""
    steps: tuple[int, ...]
    sampler: tuple[str, ...] = ()
    """Further options, NAME=VALUE each."""


class Rung(TypedDict):
    """One point of a line in ladder.json."""

    name: str
    steps: int
    passes: float
    metrics: Entries


class Climbed(TypedDict):
    """What ladder.json holds."""

    rungs: list[Rung]
    floor: Entries
    protocol: dict[str, int]


def climb(line: Climb, against: Against) -> tuple[list[Rung], list[torch.Tensor]]:
    """Scores and first samples of one line.

    Raises: UserError for a name that is not published, an option that its sampler lacks, or a
    senseless value.
    """
    trained, _ = load(find(line.generator))
    rungs, first = list[Rung](), []
    for steps in line.steps:
        options = [*line.sampler, f"steps={steps}"]
        passes = network_passes(with_sampler(trained, options))
        print(f"{line.name}, {steps} steps, {passes:g} passes", flush=True)
        made = sample_images(line.generator, against.n, SEED, sampler=tuple(options))
        metrics = against.measure(made)
        print(told(metrics), flush=True)
        rungs.append({"name": line.name, "steps": steps, "passes": passes, "metrics": metrics})
        first.append(made.pixels[:COLUMNS])
    return rungs, first


def chart(found: Climbed) -> bytes:
    """SVG: each metric against the passes for one image, a line for each sampler."""
    panels = {}
    for name in SHOWN:
        lines: dict[str, list[tuple[float, tuple[float, float, float]]]] = {}
        for rung in found["rungs"]:
            point = rung["passes"], known(rung["metrics"][name])
            lines.setdefault(rung["name"], []).append(point)
        floor = known(found["floor"][name])[0]
        panels[heading(name)] = Steps(lines, floor, logarithmic=name == "frechet_distance")
    return ladders(panels)


@dataclass(frozen=True)
class Ladder:
    """The question with its settings of record, as an experiment without a training."""

    slug: str
    title: str
    lines: tuple[Climb, ...]
    samples: int = SAMPLES
    """At each rung, at most."""

    method_path = f"{climb.__module__}:climb"
    loop = None

    def generators(self) -> Sequence[str]:
        """The published generators, each once."""
        return list(dict.fromkeys(line.generator for line in self.lines))

    def config(self) -> Json:
        """The settings of record; the weights are among them: others make it stale."""
        asked = [[line.name, line.generator, *line.sampler, *line.steps] for line in self.lines]
        weights = published_weights(self.generators())
        return {"method": {"weights": weights, "lines": asked, "samples": self.samples}}

    def main(self) -> None:
        """Reads the command line, draws and scores, publishes, and exits: 0 done, 2 bad input."""
        run_command(lambda: self.run(tyro.cli(Options, description=f"{self.title}.")))

    def run(self, options: Options) -> None:
        """Draws, scores and publishes; `--from-published` does the same: nothing is trained."""
        begun, config = Begun(), self.config()
        if options.from_published:
            published_folder(self, options, config)
        data = [data_of(generator, options.data.root) for generator in self.generators()]
        if any(other != data[0] for other in data):
            raise UserError("A ladder's generators must have been trained on the same data.")
        against, rungs, first = Against(data[0], self.samples), list[Rung](), []
        for line in self.lines:
            more, samples = climb(line, against)
            rungs += more
            first += samples
        if not options.publish:
            return
        protocol = {"n": against.n, "seed": SEED}
        found: Climbed = {"rungs": rungs, "floor": against.floor, "protocol": protocol}
        files = {
            FIGURES["stairs"][0]: chart(found),
            FIGURES["rungs"][0]: grids.png(grids.sheet(torch.cat(first), COLUMNS)),
            FILE: json_bytes(found),
        }
        manifest = common_manifest(self, config, against.test, SEED)
        manifest |= {"features": against.extractor.describe(), **begun.facts()}
        publish_study(self, options, files, manifest)
