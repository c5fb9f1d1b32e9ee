"""Several trainings measured alike: the same test images, as many samples, the short list."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TypedDict

import torch
from torch import Tensor

from imggen.data.datasets import DataConfig
from imggen.data.images import Images, choose
from imggen.drawing import grids
from imggen.evaluation.catalogue import Entries, entries
from imggen.evaluation.short import short, short_scores
from imggen.features.extract import choose_extractor, extract
from imggen.features.extractors import Description
from imggen.features.sets import Features
from imggen.runs.restore import sample_images
from imggen.system.errors import UserError
from imggen.system.files import Json, read_json

SAMPLES, COLUMNS, SEED = 10_000, 16, 0


class Row(TypedDict):
    """One training."""

    slug: str
    group: str
    series: str
    metrics: Entries
    weights: str
    """SHA-256."""
    dataset: Json
    """What it saw: name, split, SHA-256 of the pixels, number of images."""
    git: Json
    steps: int
    wall_seconds: float
    training_flops: float


class Swept(TypedDict):
    """What sweep.json holds."""

    rows: list[Row]
    floor: Entries
    features: Description
    protocol: dict[str, int]


class SideBySide:
    """Trainings on the same data, measured one by one against its test images."""

    def __init__(self, data: DataConfig) -> None:
        """Raises: UserError for data that can't be read."""
        self.test = data.load("test")
        self.extractor = choose_extractor("auto", self.test)
        self.real = self.features(self.test, "real", SAMPLES)
        train = self.features(data.load("train"), "training", sys.maxsize)
        at = choose(train.hashes, len(self.real), SEED, among_sorted=True)
        self.floor = train.subset(at.numpy())
        self.seen = {"train": train}
        self.rows: list[Row] = []
        self.first: list[Tensor] = []
        self.seconds, self.device = 0.0, ""

    def features(self, images: Images, role: str, most: int) -> Features:
        """Features of at most so many images."""
        return extract(self.extractor, images, most, SEED, role)

    def training(self, images: Images) -> Features:
        """Features of all images that a generator saw, taken once."""
        if images.split not in self.seen:
            self.seen[images.split] = self.features(images, "training", sys.maxsize)
        return self.seen[images.split]

    def add(self, group: str, series: str, run: Path, images: Images) -> None:
        """Measures the generator of a finished run directory, given the images that it saw.

        Raises: UserError for a run that is not whole, or too few images for a metric.
        """
        manifest = read_json(run / "manifest.json")
        made = sample_images(run, len(self.real), SEED)
        fake, seen = self.features(made, "generated", SAMPLES), self.training(images)
        self.first.append(made.pixels[:COLUMNS])
        self.seconds, self.device = self.seconds + manifest["wall_seconds"], manifest["device"]
        about = ("name", "split", "sha256", "images")
        self.rows.append(
            {
                "slug": run.name,
                "group": group,
                "series": series,
                "metrics": scores(self.real, fake, seen),
                "weights": manifest["files"]["weights.safetensors"],
                "dataset": {key: manifest["dataset"][key] for key in about},
                "git": manifest["git"],
                "steps": manifest["steps"],
                "wall_seconds": manifest["wall_seconds"],
                "training_flops": manifest["training_flops"],
            }
        )

    def swept(self) -> Swept:
        """All rows, and what as many training images score in place of generated ones."""
        return {
            "rows": self.rows,
            "floor": entries(short(self.real, self.floor)),
            "features": self.extractor.describe(),
            "protocol": {"n": len(self.real), "seed": SEED},
        }

    def picture(self) -> bytes:
        """PNG: a row of samples for each training."""
        pixels = torch.cat(self.first)
        return grids.png(grids.image_grid(pixels, COLUMNS, grids.scale_for(pixels.shape[2])))


def scores(real: Features, fake: Features, seen: Features) -> Entries:
    """The short list of a training. Raises: UserError for sets that a metric can't take."""
    try:
        return short_scores(real, fake, seen)
    except ValueError as error:
        raise UserError(str(error)) from error
