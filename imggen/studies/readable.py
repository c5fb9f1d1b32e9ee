"""How often can our classifier read what a generator drew? Coherence as a reader sees it.

Precision asks whether a sample lies among real images; a blot can do that. This asks whether the
frozen classifier is sure which digit it is. It was trained with smoothed labels, so it is not sure
of every real digit either: the share of the test images is the mark to reach. It is no measure for
all images: what lies far from digits can be read with confidence as well. Static is, and so is an
empty page, as a 1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
import tyro
from torch import Tensor

from imggen.data.datasets import DataConfig
from imggen.drawing import grids
from imggen.drawing.charts import COLOURS, INK, drawing, svg
from imggen.features.extractors import lenet_extractor
from imggen.metrics.certainty.estimate import share_of
from imggen.publishing.study import (
    Begun,
    StudyOptions,
    common_manifest,
    publish_study,
    published_weights,
)
from imggen.runs.restore import sample_images
from imggen.runs.settings import as_json
from imggen.system.command import run_command
from imggen.system.files import Json, json_bytes

if TYPE_CHECKING:
    import numpy.typing as npt

CONFIDENCE = 0.9
"""The classifier reads an image when its most probable class has more than this."""
COLUMNS, BLOCK, SEED = 16, 500, 0
FILE = "readable.json"
FIGURES = {
    "readable": (
        "readable.svg",
        "Share of samples that our classifier reads with a confidence above 0.9, with 95 % "
        "intervals; the line is the share of real test digits.",
    ),
    "ladder": (
        "ladder.png",
        "A row for each generator, in the order of the chart: from its sample of least confidence, "
        "on the left, to that of most, at equal steps of rank.",
    ),
}


@torch.inference_mode()
def confidence(pixels: Tensor) -> Tensor:
    """Probability (N,) of the most probable class of uint8 images (N, C, H, W)."""
    classifier, found = lenet_extractor(), []
    for block in pixels.split(BLOCK):
        logits = classifier.run(block)[1]
        assert logits is not None
        found.append(logits.softmax(dim=1).amax(dim=1))
    return torch.cat(found)


def readable(pixels: Tensor) -> Json:
    """Share of images that are read, with its 95 % interval."""
    share = share_of((confidence(pixels) > CONFIDENCE).double().numpy(), of="fake")
    return {"value": share.value, "interval": list(share.interval())}


def noise_like(pixels: Tensor) -> Tensor:
    """As many images of even noise, from 0 to 255, as a warning."""
    generator = torch.Generator().manual_seed(SEED)
    return torch.randint(0, 256, pixels.shape, generator=generator, dtype=torch.uint8)


def ladder(pixels: Tensor) -> Tensor:
    """The `COLUMNS` images at equal steps of confidence, the least first."""
    order = confidence(pixels).argsort(stable=True)
    ranks = np.linspace(0, len(pixels) - 1, COLUMNS).round().astype(np.int64)
    return pixels[order[torch.from_numpy(ranks)]]


def chart(shares: dict[str, Json], real: float) -> bytes:
    """SVG: a bar for each generator."""
    with drawing(7.0, 0.36 * len(shares) + 0.9) as (figure, buffer):
        axis = figure.subplots()
        for at, share in enumerate(shares.values()):
            axis.barh(at, share["value"], color=COLOURS[0], height=0.6)
            axis.plot(share["interval"], [at, at], color=INK, linewidth=2)
        axis.axvline(real, color=COLOURS[2], linewidth=2)
        axis.set_yticks(range(len(shares)), list(shares))
        axis.invert_yaxis()
        axis.set(xlim=(0, 1), xlabel=f"read with a confidence above {CONFIDENCE}")
        return svg(figure, buffer)


def rows(drawn: dict[str, Tensor]) -> npt.NDArray[np.uint8]:
    """A row of the ladder for each generator."""
    pixels = torch.cat([ladder(images) for images in drawn.values()])
    return grids.sheet(pixels, COLUMNS)


@dataclass(frozen=True, kw_only=True)
class Options(StudyOptions):
    """What the script can be asked."""

    data: DataConfig


@dataclass(frozen=True)
class Readable:
    """The question with its generators of record, as an experiment without a training."""

    slug: str
    title: str
    generators: tuple[str, ...]
    data: DataConfig = field(default_factory=lambda: DataConfig(name="mnist"))

    method_path = f"{readable.__module__}:readable"
    loop = None

    def config(self) -> Json:
        """The settings of record; the weights are among them: others make it stale."""
        weights = published_weights(self.generators)
        return {"method": {"weights": weights}, "data": as_json(self.data)}

    def main(self) -> None:
        """Reads the command line, draws and reads, publishes, and exits: 0 done, 2 bad input."""
        default = Options(data=self.data)
        run_command(lambda: self.run(tyro.cli(Options, default=default, description=self.title)))

    def run(self, options: Options) -> None:
        """Draws, reads and publishes; `--from-published` does the same: nothing is trained."""
        begun, test = Begun(), options.data.load("test")
        drawn = {}
        for slug in self.generators:
            print(f"drawing and reading {slug}", flush=True)
            drawn[slug] = sample_images(slug, len(test), SEED).pixels
        shares = {slug: readable(pixels) for slug, pixels in drawn.items()}
        shares = dict(sorted(shares.items(), key=lambda item: -item[1]["value"]))
        real, static = readable(test.pixels), readable(noise_like(test.pixels))
        if not options.publish:
            return
        config = {**self.config(), "data": as_json(options.data)}
        manifest = common_manifest(self, config, test, SEED) | begun.facts()
        found = {"generators": shares}
        files = {
            FIGURES["readable"][0]: chart(shares, real["value"]),
            FIGURES["ladder"][0]: grids.png(rows({slug: drawn[slug] for slug in shares})),
            FILE: json_bytes({"confidence": CONFIDENCE, "real": real, "static": static, **found}),
        }
        publish_study(self, options, files, manifest)
