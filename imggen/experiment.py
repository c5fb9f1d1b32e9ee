"""An experiment: a paper, a dataset, a budget and a name; and what its script does."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import tyro

from imggen.data.datasets import DataConfig
from imggen.data.images import Images
from imggen.data.shared import load_once
from imggen.methods import Method, Spec
from imggen.publishing.pictures import Shown, draw_frame, drawn, kept
from imggen.publishing.publish import publish
from imggen.publishing.study import (
    StudyOptions,
    about,
    common_manifest,
    published_folder,
    run_folder,
    target_folder,
)
from imggen.runs import restore
from imggen.runs.conditions import label_counts, refuse_other_test
from imggen.runs.cost import sampling_cost
from imggen.runs.folder import RunDir
from imggen.runs.manifest import command_line, git_state, n_parameters, package_versions
from imggen.runs.provenance import source_hash
from imggen.runs.sampling import Trained, generate
from imggen.runs.settings import Manifest, as_json, inputs
from imggen.runs.weights import publishable
from imggen.system import attempts, distributed
from imggen.system.command import read_once, run_command
from imggen.system.device import prepare_torch
from imggen.system.errors import UserError
from imggen.system.files import Json, sha256_file, sha256_json, write_bytes
from imggen.system.world import read_environment
from imggen.training.config import TrainConfig
from imggen.training.cost import flops_per_image
from imggen.training.loop import VERSION, Trainer

IDENTITY = ("name", "split", "sha256", "conditions_sha256")
"""What tells datasets apart, of what a manifest says about them."""

C = TypeVar("C")
S = TypeVar("S")


@dataclass(frozen=True)
class OneWay:
    """In place of a paper's `Sampler`, where there is one way to sample only."""


@dataclass(frozen=True, kw_only=True)
class Options(StudyOptions, Generic[C, S]):
    """What the script of an experiment can be asked."""

    method: C
    data: DataConfig
    train: TrainConfig
    sampler: S

    def config(self) -> Json:
        """The settings that decide the result, as a manifest holds them."""
        parts = ("method", "data", "train", "sampler")
        return {part: as_json(getattr(self, part)) for part in parts}


Asked = Options[Any, Any]
"""Options of whatever paper."""


@dataclass(frozen=True)
class Experiment:
    """A method with its settings of record. `main()` trains, evaluates and publishes."""

    slug: str
    title: str
    method: type[Method]
    settings: object
    """An instance of the paper's `Config`."""
    data: DataConfig
    train: TrainConfig
    sampler: object = OneWay()
    """An instance of the paper's `Sampler`, if it has one."""

    loop = VERSION

    @property
    def method_path(self) -> str:
        """module:class, as a manifest holds it."""
        return f"{self.method.__module__}:{self.method.__name__}"

    def of_record(self) -> Asked:
        """The options of a script that is called without any."""
        return Options(method=self.settings, data=self.data, train=self.train, sampler=self.sampler)

    def config(self) -> Json:
        """The settings of record, as a manifest holds them."""
        return self.of_record().config()

    def main(self, args: list[str] | None = None) -> None:
        """Reads the command line, does it, and exits: 0 done, 2 bad input, 75 interrupted."""
        run_command(lambda: self.run(read_once(lambda: self.parse(args))))

    def parse(self, args: list[str] | None = None) -> Asked:
        """Options from the command line, the settings of record as defaults."""
        generic: Any = Options
        kind = generic[type(self.settings), type(self.sampler)]
        doc = (sys.modules[self.method.__module__].__doc__ or "").strip()
        about = f"{self.title}. {doc.split(chr(10), 1)[0]}"
        return tyro.cli(kind, default=self.of_record(), args=args, description=about)

    def run(self, options: Asked) -> None:
        """Trains (or takes the published weights), then evaluates and publishes if asked."""
        prepare_torch()
        if options.from_published:
            if read_environment().size > 1:
                raise UserError("--from-published trains nothing: start it with one process.")
            self.from_published(options)
            return
        run = RunDir(run_folder(self, options))
        attempts.begin(run.path)
        options.train.check()
        options.train.refuse_undivided(read_environment().size)
        world = distributed.connect(options.train.device)
        images = load_once(options.data.load, world)
        test = self.held_out(options, images) if options.publish and world.is_main else None
        if not world.is_main:
            self.carry_out(options, images, None, run)
            return
        run.create()
        with run.locked():
            self.carry_out(options, images, test, run)

    def carry_out(self, options: Asked, images: Images, test: Images | None, run: RunDir) -> None:
        """Trains, and publishes where there is a test split to score against."""
        trainer = self.trainer(options, images, run)
        if test is not None:
            refuse_other_test(trainer.method.spec, images, test)
        manifest, trained = self.fit(options, images, run, trainer)
        last = trainer.method.cpu()
        # The other ranks are done: they need not wait for the figures.
        distributed.disconnect()
        if test is not None:
            shown = Shown(trained, test, run, options.train.batch_size, last)
            self.publish(options, images, shown, manifest)

    def held_out(self, options: Asked, images: Images) -> Images:
        """The test split, against which samples will be scored.

        Raises: UserError, before anything is trained, when there are too few images for that.
        """
        from imggen.evaluation import method  # noqa: F401 (now: hours later it may be other code)
        from imggen.evaluation.evaluate import LEAST  # takes half a second

        test = options.data.load("test")
        for part in (images, test):
            if len(part) < LEAST:
                raise UserError(
                    f"{part.name}:{part.split} holds {len(part)} images, and scores need {LEAST}: "
                    "give more, or train without scores with --no-publish."
                )
        return test

    def fit(
        self, options: Asked, images: Images, run: RunDir, trainer: Trainer
    ) -> tuple[Manifest, Trained]:
        """Trains to the end and writes weights and manifest; nothing to train is fine too."""
        trainer.train(draw_frame(run, lambda ema: _trained(ema, options, images)))
        trained = _trained(trainer.ema, options, images)
        if not trainer.world.is_main:
            return {}, trained
        manifest = self.manifest(options, images, trainer)
        trained, weights = publishable(trained)
        write_bytes(run.weights, weights)
        manifest["files"] = {run.weights.name: sha256_file(run.weights)}
        run.write_manifest(manifest)
        run.log(f"weights in {run.weights}, SHA-256 {sha256_file(run.weights)}")
        return manifest, trained

    def trainer(self, options: Asked, images: Images, run: RunDir) -> Trainer:
        """The loop with this method, ready to begin or to go on."""
        identity = self.identity(options, images)
        # As they are now, not when the training ends.
        facts = {"command": command_line(), "git": git_state(), "packages": package_versions()}
        trainer = Trainer(self.builder(options), images, options.train, run, identity, facts)
        first = getattr(options.method, "first_stage_steps", 0)
        if options.train.steps <= first:
            trainer.say(
                f"the second stage begins after step {first}, where this training has ended: "
                "samples come from a network that has learnt nothing"
            )
        # A sampler that can't draw is refused before the training, not after it.
        generate(_trained(trainer.ema, options, images), 1, seed=0)
        return trainer

    def builder(self, options: Asked) -> Callable[[Spec], Method]:
        """A function that builds the method for what the data offer."""

        def build(spec: Spec) -> Method:
            try:
                return self.method(options.method, spec)
            except (ValueError, RuntimeError) as error:
                raise UserError(
                    f"{self.title} can't be built for {spec.shape}: {error}."
                ) from error

        return build

    def identity(self, options: Asked, images: Images) -> Json:
        """What a checkpoint must agree with before this run goes on from it; steps may grow."""
        train = inputs({"train": as_json(options.train)})["train"]
        told = about(images)
        return {
            "method": {"name": self.method_path, **as_json(options.method)},
            "source": source_hash(self.method.__module__),
            "loop": self.loop,
            "data": {key: told[key] for key in IDENTITY},
            "train": {key: value for key, value in train.items() if key != "steps"},
        }

    def manifest(self, options: Asked, images: Images, trainer: Trainer) -> Manifest:
        """Everything that one needs to know to make this run again."""
        seconds, seen = trainer.wall_seconds, trainer.step * options.train.batch_size
        return {
            **common_manifest(self, options.config(), images, options.train.seed),
            "spec": as_json(trainer.method.spec._asdict()),
            **trainer.facts,
            "steps": trainer.step,
            "wall_seconds": round(seconds, 1),
            "images_per_second": round(seen / max(seconds, 1e-9)),
            "training_flops": flops_per_image(trainer) * seen,
            "parameters": n_parameters(trainer.method),
        }

    def publish(
        self,
        options: Asked,
        images: Images,
        shown: Shown,
        manifest: Manifest,
    ) -> None:
        """Figures, metrics and manifest into docs/, or below the run for other settings."""
        from imggen.evaluation.method import score

        folder = target_folder(self, options, manifest["config"])
        test, run = shown.test, shown.run
        assert run is not None
        trained = dataclasses.replace(shown.trained, sources=test.sources)
        shown = dataclasses.replace(shown, trained=trained)
        files = {**drawn(shown), run.weights.name: run.weights.read_bytes()}
        metrics = score(self.slug, trained, train=images, test=test, log=run.log)
        publish(folder, files, metrics, manifest | {"sampling": sampling_cost(trained)})
        run.log(f"published in {folder}")

    def from_published(self, options: Asked) -> None:
        """Redraws the figures and takes the metrics again from the published weights.

        Training curves and the training GIF are kept: only a training can make them.
        """
        from imggen.evaluation.method import score

        source = published_folder(self, options, options.config())
        trained, manifest = restore.load(source)
        data = restore.recorded_data(manifest, options.data.root)
        images = data.load()
        manifest["dataset"], before = about(images), manifest["dataset"]
        if any(manifest["dataset"][key] != before[key] for key in IDENTITY if key in before):
            raise UserError(
                f"{images.name} holds other images here than {self.slug} was trained on."
            )
        test = data.load("test")
        trained = dataclasses.replace(trained, sources=test.sources, sampler=_sampler(options))
        config = {**manifest["config"], "sampler": as_json(options.sampler)}
        folder = target_folder(self, options, config)
        trained, weights = publishable(trained)
        files = {RunDir(folder).weights.name: weights, **kept(source, manifest)}
        metrics = score(self.slug, trained, train=images, test=test, log=print)
        manifest |= {"config": config, "config_hash": sha256_json(inputs(config))}
        manifest |= {"sampling": sampling_cost(trained)}
        publish(folder, files | drawn(Shown(trained, test)), metrics, manifest)
        print(f"published again in {folder}")


def _sampler(options: Asked) -> object | None:
    return None if isinstance(options.sampler, OneWay) else options.sampler


def _trained(method: Method, options: Asked, images: Images) -> Trained:
    """What draws the frames of a training, and then its figures."""
    return Trained(method, _sampler(options), label_counts(images), images.sources)
