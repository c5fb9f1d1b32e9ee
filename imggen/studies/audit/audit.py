"""The audit of our metrics: damage real digits step by step, and see which metric notices.

The reference are test images. In place of a generator stand real images that the frozen classifier
has been trained on but that are not in the reference, and what is left of them after the damage.
"""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, field
from pathlib import Path

import torch
import tyro

from imggen.data import datasets
from imggen.data.datasets import DataConfig
from imggen.data.images import Images
from imggen.drawing import grids
from imggen.features.extractors import lenet_extractor
from imggen.publishing.publish import publish
from imggen.publishing.study import (
    StudyOptions,
    about,
    common_manifest,
    published_folder,
    target_folder,
)
from imggen.runs.manifest import git_state
from imggen.runs.settings import as_json
from imggen.studies.audit import charts, checks
from imggen.studies.audit.ladders import Config, ladders
from imggen.studies.audit.verdicts import examine, judge
from imggen.system.command import run_command
from imggen.system.device import device_name
from imggen.system.errors import UserError
from imggen.system.files import Json, json_bytes, read_json

PICTURED = ("blur", "noise", "jpeg")
"""The first ladders, so that the others need not be built for the picture."""
SHOWN = 12
"""The image that stands for all in the picture of the damage."""


def picture(train: Images, config: Config, columns: int = 6) -> bytes:
    """PNG: one image on each rung of blur, noise and JPEG, a row a ladder."""
    first = itertools.takewhile(lambda made: made.name in PICTURED, ladders(train, config))
    rows = [torch.stack([pixels[SHOWN] for pixels, _ in made.sets[:columns]]) for made in first]
    return grids.png(grids.image_grid(torch.cat(rows), columns, scale=3))


FIGURES = {
    "damage": ("damage.png", "One digit on the rungs of blur (above), noise and JPEG (below)."),
    "ladders": ("ladders.svg", "Shares along the rungs, with 95 % intervals."),
    "counts": ("counts.svg", "Undamaged images: two equal sets above, unequal ones below."),
}
"""Files and captions, by the name that pages use."""


def drawn(results: Json) -> dict[str, bytes]:
    """The charts of all ladders, by file name."""
    return {
        "ladders.svg": charts.ladders(results),
        "counts.svg": charts.counts(results["counts"], results["unequal"]),
    }


@dataclass(frozen=True, kw_only=True)
class Options(StudyOptions):
    """What the script can be asked."""

    config: Config
    data: DataConfig = field(default_factory=lambda: DataConfig(name="mnist"))


@dataclass(frozen=True)
class Audit:
    """The audit with its settings of record, as an experiment without a training."""

    slug: str
    title: str
    settings: Config = field(default_factory=Config)

    method_path = f"{examine.__module__}:examine"
    loop = None

    def config(self) -> Json:
        """The settings of record, as a manifest holds them."""
        return {"method": as_json(self.settings), "data": {"name": "mnist", "root": None}}

    def main(self) -> None:
        """Reads the command line, audits, publishes and exits: 0 done, 2 bad input."""
        default = Options(config=self.settings)
        run_command(lambda: self.run(tyro.cli(Options, default=default, description=self.title)))

    def run(self, options: Options) -> None:
        """Climbs all ladders, makes the checks, and publishes."""
        if options.from_published:
            config = {**self.config(), "method": as_json(options.config)}
            self.redraw(published_folder(self, options, config))
            return
        started, code = time.monotonic(), git_state()  # as it is now, not when all is done
        if options.data.name != "mnist":
            raise UserError(f"The audit is made of mnist, not of {options.data.name}.")
        train, test = (datasets.load("mnist", s, options.data.root) for s in ("train", "test"))
        extractor = lenet_extractor()
        results = examine(train, test, options.config, extractor)
        judged = [judge(check, options.config.seed) for check in checks.CHECKS]
        files = {
            **drawn(results),
            "damage.png": picture(train, options.config),
            "audit.json": json_bytes({"ladders": results, "checks": judged}),
        }
        if not options.publish:
            return
        config = {**self.config(), "method": as_json(options.config)}
        manifest = common_manifest(self, config, train, options.config.seed) | {
            "reference": about(test),
            "features": extractor.describe(),
            "device": device_name(torch.device("cpu")),
            "git": code,
            "wall_seconds": round(time.monotonic() - started, 1),
        }
        folder = target_folder(self, options, config)
        publish(folder, files, None, manifest)
        print(f"published in {folder}")

    def redraw(self, folder: Path) -> None:
        """The charts of the published numbers, drawn again."""
        found, manifest = (read_json(folder / name) for name in ("audit.json", "manifest.json"))
        kept = {name: (folder / name).read_bytes() for name in ("audit.json", "damage.png")}
        publish(folder, kept | drawn(found["ladders"]), None, manifest)
        print(f"drawn again in {folder}")
