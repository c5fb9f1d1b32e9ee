"""One setting of a sampler from end to end: what coherence and variety pay for each other.

Truncation, guidance, temperature: many generators can be asked, after their training, for more
typical samples at the price of their variety. A single pair of precision and recall hides that
choice; the curve shows it (Brock et al. 2019, arXiv:1809.11096, section 3.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import torch
import tyro

from imggen.data.datasets import DataConfig
from imggen.drawing import grids
from imggen.drawing.charts import Curve, paths
from imggen.evaluation.against import Against, told
from imggen.evaluation.catalogue import Entries, heading, known
from imggen.evaluation.protocol import SAMPLES, SEED
from imggen.publishing.study import (
    Begun,
    StudyOptions,
    common_manifest,
    publish_study,
    published_folder,
    published_weights,
)
from imggen.runs.places import find
from imggen.runs.restore import recorded_data, sample_images
from imggen.system.command import run_command
from imggen.system.files import Json, json_bytes, read_json

if TYPE_CHECKING:
    from imggen.data.images import Images

COLUMNS = 16
FILE = "trade.json"
FIGURES = {
    "trade": (
        "trade.svg",
        "Coherence against variety, each setting with its 95 % intervals; the cross is the score "
        "of real training images.",
    ),
    "asked": (
        "asked.png",
        "The same latents in every column; a row for each setting, in the order of the curve.",
    ),
}


class Setting(TypedDict):
    """One setting in trade.json."""

    value: str
    metrics: Entries


class Traded(TypedDict):
    """What trade.json holds."""

    generator: str
    option: str
    settings: list[Setting]
    floor: Entries
    protocol: dict[str, int]


def data_of(generator: str, root: Path | None = None) -> DataConfig:
    """What a published generator was trained on. Raises: UserError when it is not published."""
    return recorded_data(read_json(find(generator) / "manifest.json"), root)


def trade(
    generator: str, option: str, values: tuple[str, ...], against: Against
) -> tuple[Traded, dict[str, Images]]:
    """Scores of a published generator at each value of an option of its sampler, and the samples.

    Raises: UserError for a name that is not published, an option that its sampler lacks, or a
    senseless value.
    """
    drawn, settings = {}, list[Setting]()
    for value in values:
        print(f"{generator} with {option} {value}", flush=True)
        drawn[value] = sample_images(generator, against.n, SEED, sampler=(f"{option}={value}",))
        settings.append({"value": value, "metrics": against.measure(drawn[value])})
        print(told(settings[-1]["metrics"]), flush=True)
    found: Traded = {
        "generator": generator,
        "option": option,
        "settings": settings,
        "floor": against.floor,
        "protocol": {"n": against.n, "seed": SEED},
    }
    return found, drawn


def chart(found: Traded) -> bytes:
    """SVG: precision against recall and against coverage, a point for each setting."""
    panels = []
    for variety in ("recall", "coverage"):
        points = {
            row["value"].replace("None", "no bound"): (
                known(row["metrics"][variety]), known(row["metrics"]["precision"]),
            )
            for row in found["settings"]
        }  # fmt: skip
        floor = (known(found["floor"][name])[0] for name in (variety, "precision"))
        panels.append(Curve(heading(variety), heading("precision"), points, tuple(floor)))
    return paths(panels)


@dataclass(frozen=True)
class Place:
    """Where data lie."""

    root: Path | None = None
    """Folder that holds the files; default $IMGGEN_DATA, else a cache folder of the user."""


@dataclass(frozen=True, kw_only=True)
class Options(StudyOptions):
    """What the script can be asked."""

    data: Place = Place()


@dataclass(frozen=True)
class Trade:
    """The question with its settings of record, as an experiment without a training."""

    slug: str
    title: str
    generator: str
    option: str
    """A field of the method's `Sampler`."""
    values: tuple[str, ...]
    """As `imggen sample --sampler OPTION=VALUE` takes them."""
    samples: int | None = None
    """At each value; 10,000 without."""

    method_path = f"{trade.__module__}:trade"
    loop = None

    def config(self) -> Json:
        """The settings of record; the weights are among them: others make it stale."""
        weights = published_weights([self.generator])
        asked = {"weights": weights, "option": self.option, "values": list(self.values)}
        return {"method": asked | ({"samples": self.samples} if self.samples else {})}

    def main(self) -> None:
        """Reads the command line, draws and scores, publishes, and exits: 0 done, 2 bad input."""
        run_command(lambda: self.run(tyro.cli(Options, description=f"{self.title}.")))

    def run(self, options: Options) -> None:
        """Draws, scores and publishes; `--from-published` does the same: nothing is trained."""
        begun, config = Begun(), self.config()
        if options.from_published:
            published_folder(self, options, config)
        against = Against(data_of(self.generator, options.data.root), self.samples or SAMPLES)
        found, drawn = trade(self.generator, self.option, self.values, against)
        if not options.publish:
            return
        pixels = torch.cat([images.pixels[:COLUMNS] for images in drawn.values()])
        files = {
            FIGURES["trade"][0]: chart(found),
            FIGURES["asked"][0]: grids.png(grids.sheet(pixels, COLUMNS)),
            FILE: json_bytes(found),
        }
        manifest = common_manifest(self, config, against.test, SEED)
        manifest |= {"features": against.extractor.describe(), **begun.facts()}
        publish_study(self, options, files, manifest)
