"""Several trainings that differ in one thing, measured alike and shown side by side."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypedDict, cast

import torch
import tyro
from torch import Tensor

from imggen.data.datasets import FIRST, DataConfig
from imggen.data.images import Images, choose
from imggen.drawing import grids
from imggen.drawing.charts import Dots, dots
from imggen.evaluation.catalogue import Entries, entries, heading, known
from imggen.evaluation.short import short, short_scores
from imggen.experiment import Experiment
from imggen.features.extract import choose_extractor, extract
from imggen.features.extractors import Description
from imggen.features.sets import Features
from imggen.publishing.publish import publish
from imggen.publishing.study import (
    StudyOptions,
    common_manifest,
    published_folder,
    run_folder,
    target_folder,
)
from imggen.runs.manifest import git_state
from imggen.runs.provenance import source_hash
from imggen.runs.restore import sample_images
from imggen.runs.settings import as_json, inputs
from imggen.system.command import run_command
from imggen.system.errors import UserError
from imggen.system.files import Json, json_bytes, read_json
from imggen.system.world import read_environment
from imggen.training.loop import VERSION

FILE = "sweep.json"
COLUMNS, SAMPLES, SEED = 16, 10_000, 0
FIGURES = {
    "sweep": (
        "sweep.svg",
        "Each dot is a training, with the 95 % interval that its samples give; the line is the "
        "score of real training images.",
    ),
    "rows": ("rows.png", "The first samples of each training, in the order of the chart."),
}


@dataclass(frozen=True)
class Variant:
    """One training of several."""

    group: str
    """The row of the chart that it belongs to."""
    series: str
    """Its colour there: what is compared within a row."""
    experiment: Experiment

    @property
    def slug(self) -> str:
        """Its run's folder below that of the sweep."""
        return self.experiment.slug


def repeated(experiment: Experiment, seeds: Iterable[int]) -> list[Variant]:
    """One experiment, trained with each of these seeds; its title is the row of the chart."""
    variants = []
    for seed in seeds:
        train = replace(experiment.train, seed=seed)
        again = replace(experiment, slug=f"{experiment.slug}-{seed}", train=train)
        variants.append(Variant(experiment.title, f"seed {seed}", again))
    return variants


class Row(TypedDict):
    """A training in sweep.json."""

    slug: str
    group: str
    series: str
    metrics: Entries
    weights: str
    """SHA-256."""
    wall_seconds: float
    training_flops: int


class Swept(TypedDict):
    """What sweep.json holds."""

    rows: list[Row]
    floor: Entries
    features: Description
    protocol: dict[str, int]


@dataclass(frozen=True)
class OtherData:
    """Data in place of those of record."""

    name: str | None = None
    """A dataset; where it has too few images for a variant, that takes them all."""
    root: Path | None = None
    """Folder that holds the files."""


@dataclass(frozen=True)
class OtherTraining:
    """A budget in place of that of record."""

    steps: int | None = None
    """Steps of each training."""


@dataclass(frozen=True, kw_only=True)
class Options(StudyOptions):
    """What the script can be asked."""

    data: OtherData = field(default_factory=OtherData)
    train: OtherTraining = field(default_factory=OtherTraining)

    def changed(self, experiment: Experiment) -> Experiment:
        """The experiment with the other data and the other budget."""
        data, train = experiment.data, experiment.train
        if self.data.name is not None:
            data = replace(data, name=self.data.name)
        if self.data.root is not None:
            data = replace(data, root=self.data.root)
        if self.train.steps is not None:
            train = replace(train, steps=self.train.steps)
        return replace(experiment, data=replace(data, split=at_most(data)), train=train)


def at_most(data: DataConfig) -> str:
    """The split, cut to what there is: train[:5000] of 1,437 images is train[:1437]."""
    few = FIRST.fullmatch(data.split)
    if few is None:
        return data.split
    there = len(data.load(few["whole"]))
    return f"{few['whole']}[:{min(int(few['n']), there)}]"


@dataclass(frozen=True)
class Sweep:
    """Trainings with their settings of record. `main()` trains, measures and publishes all."""

    slug: str
    title: str
    variants: tuple[Variant, ...]
    shown: tuple[str, ...] = ("frechet_distance", "precision", "coverage")
    """Metrics of the chart, a panel each."""

    method_path = f"{short_scores.__module__}:{short_scores.__name__}"
    loop = VERSION

    def config(self) -> Json:
        """The settings of record of every training, and the code of its method."""
        return self.settings(variant.experiment for variant in self.variants)

    def settings(self, experiments: Iterable[Experiment]) -> Json:
        """Settings as a manifest holds them, of these experiments in place of those of record."""
        trainings = {}
        for variant, experiment in zip(self.variants, experiments, strict=True):
            trainings[variant.slug] = {
                "place": [variant.group, variant.series],
                "source": source_hash(experiment.method.__module__),
                **inputs(as_json(experiment.config())),
            }
        return {"trainings": trainings, "chart": {"shown": list(self.shown)}}

    def main(self, args: list[str] | None = None) -> None:
        """Reads the command line, does it, and exits: 0 done, 2 bad input, 75 interrupted."""
        run_command(lambda: self.run(tyro.cli(Options, args=args, description=f"{self.title}.")))

    def run(self, options: Options) -> None:
        """Trains what is not trained yet, one after the other; measures, and publishes if asked."""
        if read_environment().size > 1:
            raise UserError(f"{self.slug} is many small trainings: start it with one process.")
        if options.from_published:
            self.redraw(options)
            return
        started, code, run = time.monotonic(), git_state(), run_folder(self, options)
        experiments = [options.changed(variant.experiment) for variant in self.variants]
        for number, experiment in enumerate(experiments, start=1):
            print(f"training {number} of {len(experiments)}: {experiment.slug}", flush=True)
            asked = replace(experiment.of_record(), run_dir=run / experiment.slug, publish=False)
            experiment.run(asked)
        if not options.publish:
            return
        measured = Measured(experiments[0].data)
        for variant, experiment in zip(self.variants, experiments, strict=True):
            print(f"measuring {variant.slug}", flush=True)
            measured.add(variant, run / variant.slug, experiment.data.load())
        config = self.settings(experiments)
        manifest = common_manifest(self, config, measured.test, SEED) | {
            "device": measured.device,
            "git": code,
            "wall_seconds": round(measured.seconds + time.monotonic() - started, 1),
            "features": measured.extractor.describe(),
        }
        files = {FIGURES["rows"][0]: measured.picture(), **self.numbers(measured.swept())}
        folder = target_folder(self, options, config)
        publish(folder, files, None, manifest)
        print(f"published in {folder}")

    def numbers(self, swept: Swept) -> dict[str, bytes]:
        """The numbers, and the chart that is drawn from them alone."""
        panels: dict[str, Dots] = {}
        for name in self.shown:
            found = {(r["group"], r["series"]): known(r["metrics"][name]) for r in swept["rows"]}
            floor = swept["floor"].get(name)
            panels[heading(name)] = Dots(found, None if floor is None else floor["value"])
        return {FILE: json_bytes(swept), FIGURES["sweep"][0]: dots(panels)}

    def redraw(self, options: Options) -> None:
        """Draws the chart again; the weights are not published, so samples and numbers stay."""
        folder = published_folder(self, options, self.settings(v.experiment for v in self.variants))
        manifest = read_json(folder / "manifest.json")
        kept = FIGURES["rows"][0]
        files = {
            kept: (folder / kept).read_bytes(),
            **self.numbers(cast("Swept", read_json(folder / FILE))),
        }
        publish(folder, files, None, manifest)
        print(f"published again in {folder}")


class Measured:
    """The trainings of a sweep, measured one by one against the same test images."""

    def __init__(self, data: DataConfig) -> None:
        self.test = data.load("test")
        self.extractor = choose_extractor("auto", self.test)
        self.real = self.features(self.test, "real", SAMPLES)
        train = self.features(data.load("train"), "training", sys.maxsize)
        self.floor = train.subset(
            choose(train.hashes, len(self.real), SEED, among_sorted=True).numpy()
        )
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

    def add(self, variant: Variant, run: Path, images: Images) -> None:
        """Measures a finished training: its generator, and the images that it saw."""
        manifest = read_json(run / "manifest.json")
        made = sample_images(run, len(self.real), SEED)
        fake, seen = self.features(made, "generated", SAMPLES), self.training(images)
        self.first.append(made.pixels[:COLUMNS])
        self.seconds, self.device = self.seconds + manifest["wall_seconds"], manifest["device"]
        self.rows.append(
            {
                "slug": variant.slug,
                "group": variant.group,
                "series": variant.series,
                "metrics": short_scores(self.real, fake, seen),
                "weights": manifest["files"]["weights.safetensors"],
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
