"""Several trainings that differ in one thing, measured alike and shown side by side."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import tyro

from imggen.data.datasets import FIRST, DataConfig
from imggen.drawing.charts import Dots, dots
from imggen.evaluation import latents as encoders
from imggen.evaluation.catalogue import heading, known
from imggen.evaluation.latents import WithLatents
from imggen.evaluation.side_by_side import SEED, SideBySide, Swept
from imggen.experiment import Experiment
from imggen.publishing.publish import publish
from imggen.publishing.status import intact
from imggen.publishing.study import (
    StudyOptions,
    common_manifest,
    publish_study,
    published_folder,
    run_folder,
)
from imggen.runs.manifest import git_state
from imggen.runs.provenance import source_hash
from imggen.runs.settings import as_json, inputs
from imggen.system import attempts
from imggen.system.command import run_command
from imggen.system.device import prepare_torch
from imggen.system.errors import UserError
from imggen.system.files import Json, json_bytes, read_json, sha256_json
from imggen.system.world import read_environment
from imggen.training.config import Precision
from imggen.training.loop import VERSION

FILE = "sweep.json"
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
    batch_size: int | None = None
    """Images in a step of each."""
    precision: Precision | None = None
    """Of each training."""
    device: str | None = None
    """cpu, cuda, cuda:1, ...: where all of them are trained."""


@dataclass(frozen=True, kw_only=True)
class Options(StudyOptions):
    """What the script can be asked."""

    data: OtherData = field(default_factory=OtherData)
    train: OtherTraining = field(default_factory=OtherTraining)

    def changed(self, experiment: Experiment) -> Experiment:
        """The experiment with the other data and the other budget."""
        data = replace(experiment.data, **_given(self.data))
        train = replace(experiment.train, **_given(self.train))
        return replace(experiment, data=replace(data, split=at_most(data)), train=train)


def _given(other: OtherData | OtherTraining) -> dict[str, Any]:
    return {name: value for name, value in vars(other).items() if value is not None}


def at_most(data: DataConfig) -> str:
    """The split, cut to what there is, which is said: train[:5000] of 1,437 is train[:1437].

    Raises: UserError for data that can't be read.
    """
    few = FIRST.fullmatch(data.split)
    if few is None:
        return data.split
    there, asked = len(data.load(few["whole"])), int(few["n"])
    if asked > there:
        print(f"{data.name} has {there} images for training: all in place of {asked}", flush=True)
    return f"{few['whole']}[:{min(asked, there)}]"


@dataclass(frozen=True)
class Sweep:
    """Trainings with their settings of record. `main()` trains, measures and publishes all."""

    slug: str
    title: str
    variants: tuple[Variant, ...]
    shown: tuple[str, ...] = ("frechet_distance", "precision", "recall", "coverage")
    """Metrics of the chart, a panel each."""

    latents: bool = False
    """Whether the trainings are auto-encoders whose latents are measured as well."""

    loop = VERSION

    @property
    def measured_by(self) -> type[SideBySide]:
        """What measures all trainings alike."""
        return WithLatents if self.latents else SideBySide

    @property
    def method_path(self) -> str:
        """module:class of what decides the numbers."""
        return f"{self.measured_by.__module__}:{self.measured_by.__name__}"

    def __post_init__(self) -> None:
        """Raises: ValueError for trainings that can't be measured on one test split."""
        of = {(v.experiment.data.name, v.experiment.data.size, v.experiment.data.grey)
              for v in self.variants}  # fmt: skip
        if len(of) != 1 or len({variant.slug for variant in self.variants}) < len(self.variants):
            raise ValueError(f"{self.slug} needs trainings of one dataset, each with its own slug")

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
        """Trains what is not trained yet, one after the other; measures, and publishes if asked.

        Raises: UserError for options or data that can't be used, before anything is trained.
        """
        prepare_torch()
        if read_environment().size > 1:
            raise UserError(f"{self.slug} is many small trainings: start it with one process.")
        if options.from_published:
            self.redraw(options)
            return
        code, run = git_state(), run_folder(self, options)
        attempts.begin(run)
        experiments = [options.changed(variant.experiment) for variant in self.variants]
        if options.publish:
            self.refuse_few(experiments)
        for number, experiment in enumerate(experiments, start=1):
            print(f"training {number} of {len(experiments)}: {experiment.slug}", flush=True)
            asked = replace(experiment.of_record(), run_dir=run / experiment.slug, publish=False)
            experiment.run(asked)
        if options.publish:
            self.publish(options, experiments, run, code)

    def refuse_few(self, experiments: Iterable[Experiment]) -> None:
        """Raises: UserError for too few images to train on or to score against."""
        for experiment in {each.data: each for each in experiments}.values():
            experiment.held_out(experiment.of_record(), experiment.data.load())

    def publish(
        self, options: Options, experiments: list[Experiment], run: Path, code: Json
    ) -> None:
        """Measures the finished trainings of a run and publishes them together."""
        started, measured = time.monotonic(), self.measured_by(experiments[0].data)
        trained = [read_json(run / variant.slug / "manifest.json") for variant in self.variants]
        seen = {data: data.load() for data in {experiment.data for experiment in experiments}}
        for variant, experiment in zip(self.variants, experiments, strict=True):
            print(f"measuring {variant.slug}", flush=True)
            at = run / variant.slug
            measured.add(variant.group, variant.series, at, seen[experiment.data])
        config = self.settings(experiments)
        manifest = common_manifest(self, config, measured.test, SEED) | {
            "device": ", ".join(dict.fromkeys(each["device"] for each in trained)),
            "git": code,
            "wall_seconds": round(measured.seconds + time.monotonic() - started, 1),
            "features": measured.extractor.describe(),
        }
        files = {FIGURES["rows"][0]: measured.picture(), **self.numbers(measured.swept())}
        if isinstance(measured, WithLatents):
            files |= with_charts(measured.found())
        publish_study(self, options, files, manifest)

    def numbers(self, swept: Swept) -> dict[str, bytes]:
        """The numbers, and the chart that is drawn from them alone."""
        panels: dict[str, Dots] = {}
        for name in self.shown:
            rows = [row for row in swept["rows"] if row["metrics"][name]["value"] is not None]
            found = {(row["group"], row["series"]): known(row["metrics"][name]) for row in rows}
            floor = swept["floor"].get(name)
            if found:
                panels[heading(name)] = Dots(found, None if floor is None else floor["value"])
        return {FILE: json_bytes(swept), FIGURES["sweep"][0]: dots(panels)}

    def redraw(self, options: Options) -> None:
        """Draws the chart again; the weights are not published, so samples and numbers stay.

        Raises: UserError for other data or trainings, or files that are not those published.
        """
        if (options.data, options.train) != (OtherData(), OtherTraining()):
            raise UserError("--from-published trains nothing: leave --data and --train alone.")
        folder = published_folder(self, options, self.config())
        kept = FIGURES["rows"][0]
        manifest = intact(folder, FILE, kept, *([encoders.FILE] if self.latents else []))
        config = manifest["config"] | {"chart": self.config()["chart"]}
        manifest |= {"config": config, "config_hash": sha256_json(inputs(config))}
        numbers = self.numbers(cast("Swept", read_json(folder / FILE)))
        if self.latents:
            numbers |= with_charts(cast("encoders.Found", read_json(folder / encoders.FILE)))
        publish(folder, {kept: (folder / kept).read_bytes(), **numbers}, None, manifest)
        print(f"published again in {folder}")


def with_charts(found: encoders.Found) -> dict[str, bytes]:
    """What was measured of the latents, and the charts that are drawn from it alone."""
    return {encoders.FILE: json_bytes(found), **encoders.charts(found)}
