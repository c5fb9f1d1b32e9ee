"""Does a training end with the same bits, whatever happens to it on the way?

A GAN and a VAE learn small digits as anybody would start them, once alone and once while a seeded
schedule of faults strikes: signals, a full disk, damaged checkpoints, a folder that takes no file,
a clock that jumps, a second process, a lost machine's lock. Whatever ended is started again by the
same command, and nothing else is done for it.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import TypedDict, cast

import tyro

from imggen.data.datasets import load
from imggen.publishing.publish import publish
from imggen.publishing.status import intact
from imggen.publishing.study import (
    Begun,
    StudyOptions,
    common_manifest,
    publish_study,
    published_folder,
    run_folder,
)
from imggen.runs.places import checkout
from imggen.studies.chaos.child import Child, Training, ended
from imggen.studies.chaos.disk import Disk, small_disk
from imggen.studies.chaos.faults import KINDS
from imggen.studies.chaos.ordeal import Ends, Outcome, disturbed, ends, schedule, undisturbed
from imggen.studies.chaos.picture import timeline
from imggen.studies.chaos.start import warm_up
from imggen.system.command import run_command
from imggen.system.errors import UserError
from imggen.system.files import Json, json_bytes, read_json

FILE = "chaos.json"
FIGURES = {
    "survived": (
        "survived.svg",
        "Two trainings under fire: the step that each has reached, and below it when which fault "
        "struck.",
    )
}


class Ordeal(TypedDict):
    """What happened to one training."""

    name: str
    steps: int
    alone_seconds: float
    equal: dict[str, bool]
    """By what was compared with the training that nothing happened to."""
    points: list[list[float]]
    """Seconds since the study began, and step."""
    faults: list[Outcome]


class Chaos(TypedDict):
    """chaos.json."""

    kinds: list[str]
    own_disk: bool
    trainings: list[Ordeal]


@dataclass(frozen=True)
class Config:
    """What strikes."""

    each: int = 5
    """How often every kind of fault strikes each training."""
    seed: int = 0
    """Of the schedule: which kind, when, and how."""
    kinds: tuple[str, ...] = tuple(KINDS)
    """What strikes: names of faults, in the order of the table."""

    def check(self) -> None:
        """Raises: UserError for faults that nobody knows, or none."""
        unknown = sorted(set(self.kinds) - KINDS.keys())
        if unknown or not self.kinds or self.each < 1:
            raise UserError(
                f"--method.kinds {' '.join(unknown) or 'names nothing'}, {self.each} of each: "
                f"give at least one of one of {'; '.join(KINDS)}."
            )


@dataclass(frozen=True, kw_only=True)
class Options(StudyOptions):
    """What the script can be asked."""

    method: Config


@dataclass(frozen=True)
class Survival:
    """The question with its settings of record, as an experiment without a training of its own."""

    slug: str
    title: str
    settings: Config
    trainings: tuple[Training, ...]

    method_path = f"{disturbed.__module__}:{disturbed.__name__}"
    loop = None

    def config(self) -> Json:
        """The settings of record."""
        return self.asked(self.settings)

    def asked(self, settings: Config) -> Json:
        """These settings, and what is trained."""
        trained = [asdict(training) for training in self.trainings]
        return {"method": asdict(settings) | {"trainings": trained}}

    def main(self) -> None:
        """Reads the command line, does it, and exits: 0 done, 1 not survived, 2 bad input."""
        default = Options(method=self.settings)
        run_command(lambda: self.run(tyro.cli(Options, default=default, description=self.title)))

    def run(self, options: Options) -> int:
        """Trains alone and under fire, compares, and publishes."""
        config = self.asked(options.method)
        if options.from_published:
            self.redraw(options, config)
            return 0
        repository()
        options.method.check()
        begun, folder = Begun(), run_folder(self, options)
        found = self.under_fire(options.method, folder)
        for told in found["trainings"]:
            survived = sum(fault["survived"] for fault in told["faults"])
            equal = [name for name, same in told["equal"].items() if same]
            print(f"{told['name']}: {survived} of {len(told['faults'])} faults survived; "
                  f"equal to the undisturbed one: {', '.join(equal) or 'nothing'}")  # fmt: skip
        if options.publish:
            images = load("digits", "train")
            manifest = common_manifest(self, config, images, options.method.seed) | begun.facts()
            publish_study(self, options, files_of(found), manifest)
        return 0 if all(all(told["equal"].values()) for told in found["trainings"]) else 1

    def under_fire(self, settings: Config, folder: Path) -> Chaos:
        """All trainings, one after the other, on a small disk below `folder`."""
        for each in self.trainings:  # of an earlier study
            shutil.rmtree(alone_in(folder, each), ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        warm_up([repository() / each.script_path for each in self.trainings])
        alone = {each.name: self.alone(each, folder) for each in self.trainings}
        began = time.monotonic()
        with small_disk(folder / "disk") as disk:
            told = [self.ordeal(each, alone[each.name], settings, disk, began)
                    for each in self.trainings]  # fmt: skip
        return {"kinds": list(settings.kinds), "own_disk": disk.mounted, "trainings": told}

    def alone(self, training: Training, folder: Path) -> tuple[Ends, float]:
        """What it ends with when nothing happens, and its seconds."""
        began = time.monotonic()
        with ended(child_of(training, alone_in(folder, training), folder, began)) as child:
            undisturbed(child)
        return ends(child.folder), round(time.monotonic() - began, 1)

    def ordeal(
        self,
        training: Training,
        alone: tuple[Ends, float],
        settings: Config,
        disk: Disk,
        began: float,
    ) -> Ordeal:
        """One training under its schedule of faults."""
        dice = Random(f"{settings.seed} {training.name}")
        faults = schedule(training.steps, settings.kinds, settings.each, dice)
        notes, struck = disk.path.parent, disk.path / f"{training.name}-struck"
        shutil.rmtree(struck, ignore_errors=True)
        with ended(child_of(training, struck, notes, began)) as child:
            outcomes = disturbed(child, disk, faults, dice)
        try:
            found = ends(child.folder)
        except (OSError, RuntimeError) as error:
            raise UserError(f"{training.name} never ended: {child.said(0)[-2000:]}") from error
        expected, seconds = alone
        return {
            "name": training.name,
            "steps": training.steps,
            "alone_seconds": seconds,
            "equal": {part: found[part] == expected[part] for part in Ends.__annotations__},  # type: ignore[literal-required]
            "points": child.points,
            "faults": outcomes,
        }

    def redraw(self, options: Options, config: Json) -> None:
        """Draws the figure again from the published numbers."""
        folder = published_folder(self, options, config)
        manifest = intact(folder, FILE)
        publish(folder, files_of(cast("Chaos", read_json(folder / FILE))), None, manifest)
        print(f"published again in {folder}")


def repository() -> Path:
    """The checkout. Raises: UserError where there is none."""
    root = checkout()
    if root is None:
        raise UserError("This study starts scripts of experiments/: clone the repository.")
    return root


def alone_in(folder: Path, training: Training) -> Path:
    """Where a training runs to which nothing happens."""
    return folder / f"{training.name}-alone"


def child_of(training: Training, folder: Path, notes: Path, began: float) -> Child:
    """A training that has not begun yet; what it says is kept in `notes`."""
    output = notes / f"{folder.name}.txt"
    output.unlink(missing_ok=True)
    return Child(training, folder.resolve(), repository(), output.resolve(), began)


def files_of(found: Chaos) -> dict[str, bytes]:
    """The numbers, and the figure that is drawn from them alone."""
    lines = {told["name"]: [(p[0], p[1]) for p in told["points"]] for told in found["trainings"]}
    struck = {told["name"]: [(fault["kind"], fault["seconds"]) for fault in told["faults"]]
              for told in found["trainings"]}  # fmt: skip
    figure = timeline(lines, struck, found["kinds"])
    return {FIGURES["survived"][0]: figure, FILE: json_bytes(found)}
