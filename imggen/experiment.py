"""An experiment: a paper, a dataset, a budget and a name; and what its script does."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import tyro
from safetensors.torch import save

from imggen.data import datasets
from imggen.data.datasets import DataConfig
from imggen.data.images import Images
from imggen.evaluation.method import score
from imggen.methods import Shape
from imggen.publishing import pictures, publish
from imggen.runs import places, restore
from imggen.runs.folder import RunDir
from imggen.runs.manifest import command_line, git_state, n_parameters, package_versions
from imggen.runs.provenance import source_hash
from imggen.runs.settings import as_json, inputs
from imggen.system import distributed
from imggen.system.command import run_command
from imggen.system.device import device_name
from imggen.system.errors import UserError
from imggen.system.files import sha256_file, sha256_json, write_bytes
from imggen.training.config import TrainConfig
from imggen.training.loop import Trainer

C = TypeVar("C")


TRAINED_WITH = ("command", "git", "packages", "device", "world_size")
"""Entries of a manifest that tell of the training, not of a later look at its weights."""


@dataclass(frozen=True)
class Options(Generic[C]):
    """What the script of an experiment can be asked."""

    method: C
    data: DataConfig
    train: TrainConfig
    run_dir: Path | None = None
    """Where the run is kept; default runs/SLUG. The same command again resumes it."""
    docs_dir: Path | None = None
    """Docs folder to publish to; default docs/ for the settings of record, else RUN_DIR/docs."""
    publish: bool = True
    """Draw the figures, compute the metrics and publish them when the training is done."""
    from_published: bool = False
    """Redraw and re-evaluate from the published weights, without training."""


@dataclass(frozen=True)
class Experiment:
    """A method with its settings of record. `main()` trains, evaluates and publishes."""

    slug: str
    title: str
    method: Any
    settings: Any
    data: DataConfig
    train: TrainConfig

    @property
    def method_path(self) -> str:
        """module:class, as a manifest holds it."""
        return f"{self.method.__module__}:{self.method.__name__}"

    def config(self) -> dict[str, Any]:
        """The settings of record, as a manifest holds them."""
        return {"method": self.settings, "data": self.data, "train": self.train}

    def main(self, args: list[str] | None = None) -> None:
        """Reads the command line, does it, and exits: 0 done, 2 bad input, 75 interrupted."""
        run_command(lambda: self.run(self.parse(args)))

    def parse(self, args: list[str] | None = None) -> Options[Any]:
        """Options from the command line, the settings of record as defaults."""
        generic: Any = Options
        kind = generic[type(self.settings)]
        default: Any = Options(method=self.settings, data=self.data, train=self.train)
        about = f"{self.title}. {_first_line(self.method)}"
        return tyro.cli(kind, default=default, args=args, description=about)

    def run(self, options: Options[Any]) -> None:
        """Trains (or takes the published weights), then evaluates and publishes if asked."""
        if options.from_published:
            self.from_published(options)
            return
        run = RunDir(options.run_dir or places.repository() / "runs" / self.slug)
        options.train.check()
        images = datasets.load(options.data.name, options.data.split, options.data.root)
        run.create()
        try:
            manifest, method = self.fit(options, images, run)
        except BaseException:
            distributed.disconnect(wait=False)
            raise
        # The other ranks are done: they need not wait for the figures.
        distributed.disconnect(wait=True)
        if distributed.read_environment().is_main and options.publish:
            self.publish(options, images, run, manifest, method)

    def fit(self, options: Options[Any], images: Images, run: RunDir) -> tuple[dict, Any]:
        """Trains to the end and writes weights and manifest; nothing to train is fine too."""
        identity = self.identity(options, images)
        trainer = Trainer(self.builder(options), images, options.train, run, identity)
        code = git_state()  # as it is now, not when the training ends
        before = trainer.train(pictures.draw_frame(run))
        method = trainer.ema
        manifest = {**self.manifest(options, images, trainer), "git": code}
        if before == trainer.step and run.manifest.exists():
            # Nothing was trained now: where and with what it was trained stays as it is.
            old = run.read_manifest()
            manifest |= {key: old[key] for key in TRAINED_WITH if key in old}
        if trainer.world.is_main:
            weights = {k: v.contiguous().cpu() for k, v in method.published_state().items()}
            write_bytes(run.weights, save(weights))
            manifest["files"] = {run.weights.name: sha256_file(run.weights)}
            run.write_manifest(manifest)
            run.log(f"weights in {run.weights}, SHA-256 {sha256_file(run.weights)}")
        return manifest, method.cpu()

    def builder(self, options: Options[Any]) -> Callable[[Shape], Any]:
        """A function that builds the method for images of a shape (C, H, W)."""

        def build(shape: Shape) -> Any:
            try:
                return self.method(options.method, shape)
            except ValueError as error:
                raise UserError(f"{self.title} can't be built for {shape}: {error}.") from error

        return build

    def identity(self, options: Options[Any], images: Images) -> dict[str, Any]:
        """What a checkpoint must agree with before this run goes on from it; steps may grow."""
        train = inputs({"train": as_json(options.train)})["train"]
        return {
            "method": {"name": self.method_path, **as_json(options.method)},
            "source": source_hash(self.method.__module__),
            "data": {"name": images.name, "split": images.split, "sha256": images.sha256},
            "train": {key: value for key, value in train.items() if key != "steps"},
        }

    def manifest(self, options: Options[Any], images: Images, trainer: Trainer) -> dict[str, Any]:
        """Everything that one needs to know to make this run again."""
        config = as_json({p: getattr(options, p) for p in ("method", "data", "train")})
        config["data"]["root"] = None  # where the files lie on this machine is nobody's business
        seconds = trainer.wall_seconds
        return {
            "slug": self.slug,
            "title": self.title,
            "command": command_line(),
            "method": self.method_path,
            "shape": list(images.shape),
            "config": config,
            "config_hash": sha256_json(inputs(config)),
            "source_hash": source_hash(self.method.__module__),
            "dataset": {
                "name": images.name,
                "split": images.split,
                "sha256": images.sha256,
                "images": len(images),
            },
            "packages": package_versions(),
            "device": device_name(trainer.device),
            "world_size": trainer.world.size,
            "seed": options.train.seed,
            "steps": trainer.step,
            "wall_seconds": round(seconds, 1),
            "images_per_second": round(
                trainer.step * options.train.batch_size / max(seconds, 1e-9)
            ),
            "parameters": n_parameters(trainer.method),
        }

    def publish(
        self, options: Options[Any], images: Images, run: RunDir, manifest: dict, method: Any
    ) -> None:
        """Figures, metrics and manifest into docs/, or below the run for other settings."""
        of_record = inputs(manifest["config"]) == inputs(as_json(self.config()))
        default = places.repository() / "docs" if of_record else run.path / "docs"
        folder = places.assets(options.docs_dir or default) / self.slug
        test = datasets.load(options.data.name, "test", options.data.root)
        files: dict[str, bytes | None] = {
            **pictures.redraw(method, test),
            "training.gif": pictures.training_gif(run),
            "curves.svg": pictures.curves_svg(method, run, options.train.batch_size),
            run.weights.name: run.weights.read_bytes(),
        }
        metrics = score(self.slug, method, train=images, test=test, log=run.log)
        kept = {name: content for name, content in files.items() if content is not None}
        publish.publish(folder, kept, metrics, manifest)
        run.log(f"published in {folder}")

    def from_published(self, options: Options[Any]) -> None:
        """Redraws the figures and takes the metrics again from the published weights.

        Training curves and the training GIF are kept: only a training can make them.
        """
        folder = places.assets(options.docs_dir) / self.slug
        if not (folder / "manifest.json").exists():
            raise UserError(f"{self.slug} is not published in {folder}: train it first.")
        method, manifest = restore.load(folder)
        settings = manifest["config"]["data"]
        images = datasets.load(settings["name"], settings["split"], options.data.root)
        if images.sha256 != manifest["dataset"]["sha256"]:
            raise UserError(
                f"{images.name} holds other pixels here than {self.slug} was trained on."
            )
        test = datasets.load(settings["name"], "test", options.data.root)
        metrics = score(self.slug, method, train=images, test=test, log=print)
        publish.publish(folder, dict(pictures.redraw(method, test)), metrics, manifest)
        print(f"published again in {folder}")


def _first_line(method: Any) -> str:
    module = sys.modules[method.__module__]
    return (module.__doc__ or "").strip().split("\n", 1)[0]
