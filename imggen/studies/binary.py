"""What would a perfect model of binary digits score? Real ones, measured as if one had drawn them.

Models of binary pixels draw in black and white, and are compared with grey digits, as all
generators here are: the floor of grey digits is out of their reach. Their own is what real training
images score when the coin of their training makes them binary.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
import tyro
from torch import Tensor

from imggen.data.datasets import DataConfig
from imggen.data.images import choose
from imggen.drawing import grids
from imggen.evaluation.evaluate import evaluate, gather
from imggen.evaluation.protocol import SAMPLES, SEED
from imggen.publishing.study import (
    Begun,
    StudyOptions,
    common_manifest,
    publish_study,
    published_folder,
)
from imggen.runs.settings import as_json
from imggen.system.command import run_command
from imggen.system.files import Json, json_bytes
from imggen.system.seeds import derive_seed

COLUMNS, SHOWN = 16, 64
FILE = "binary.json"
FIGURES = {
    "coins": (
        "coins.png",
        "Real training digits, each pixel white with its grey level as the probability.",
    ),
}


def tossed(pixels: Tensor) -> Tensor:
    """uint8 images -> 0 or 255, each pixel 255 with its grey level as the probability."""
    generator = torch.Generator().manual_seed(derive_seed("coin", SEED))
    return torch.bernoulli(pixels / 255, generator=generator).to(torch.uint8) * 255


@dataclass(frozen=True, kw_only=True)
class Options(StudyOptions):
    """What the script can be asked."""

    data: DataConfig


@dataclass(frozen=True)
class Binary:
    """The question with its data of record, as an experiment without a training."""

    slug: str
    title: str
    data: DataConfig = field(default_factory=lambda: DataConfig(name="mnist"))
    samples: int = SAMPLES

    method_path = f"{tossed.__module__}:tossed"
    loop = None

    def config(self) -> Json:
        """The settings of record."""
        return {"method": {"samples": self.samples}, "data": as_json(self.data)}

    def main(self) -> None:
        """Reads the command line, measures, publishes, and exits: 0 done, 2 bad input."""
        default = Options(data=self.data)
        run_command(lambda: self.run(tyro.cli(Options, default=default, description=self.title)))

    def run(self, options: Options) -> None:
        """Tosses and measures; `--from-published` does the same: nothing is trained."""
        begun, config = Begun(), {**self.config(), "data": as_json(options.data)}
        if options.from_published:
            published_folder(self, options, config)
        train, test = options.data.load("train"), options.data.load("test")
        kept = choose(train.hashes, min(self.samples, len(test)), SEED)
        real = train.subset(kept)
        drawn = replace(real, name=f"binary {train.name}", pixels=tossed(real.pixels))
        print(f"scoring {len(drawn)} binary images against {test.name}:{test.split}", flush=True)
        found = evaluate(gather(test, drawn))
        if not options.publish:
            return
        files = {
            FIGURES["coins"][0]: grids.png(grids.sheet(drawn.pixels[:SHOWN], COLUMNS)),
            FILE: json_bytes(found),
        }
        manifest = common_manifest(self, config, train, SEED) | begun.facts()
        manifest |= {"features": found["features"]}
        publish_study(self, options, files, manifest)
