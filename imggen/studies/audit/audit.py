"""The audit of our metrics: damage real digits step by step, and see which metric notices.

The reference are test images. In place of a generator stand real images that the frozen classifier
has been trained on but that are not in the reference, and what is left of them after the damage.
"""

from __future__ import annotations

import dataclasses
import hashlib
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import tyro
from torch import Tensor

from imggen.data import datasets
from imggen.data.datasets import DataConfig
from imggen.data.images import Images, choose
from imggen.drawing import grids
from imggen.evaluation.catalogue import METRICS, Found, entries
from imggen.evaluation.measure import attempt, measure, measure_copies, search_training
from imggen.features.extract import extract
from imggen.features.extractors import Extractor, lenet_extractor
from imggen.features.sets import Features
from imggen.metrics import accuracy
from imggen.metrics.certainty.estimate import Estimate, compare, share_of
from imggen.publishing import publish
from imggen.runs import places
from imggen.runs.manifest import command_line, git_state, package_versions
from imggen.runs.provenance import source_hash
from imggen.runs.settings import inputs
from imggen.studies.audit import charts, checks
from imggen.studies.audit.ladders import Config, Ladder, ladders
from imggen.system.command import run_command
from imggen.system.device import device_name
from imggen.system.errors import UserError
from imggen.system.files import json_bytes, read_json, sha256_json

SHOWN = 12
"""The image that stands for all in the picture of the damage."""
CERTAIN = 0.01
"""A metric notices a rung when it differs from the first one with a p-value below."""


class School:
    """Classification accuracy scores: one classifier of the reference, and one of each set."""

    def __init__(self, reference: Images, seed: int) -> None:
        assert reference.labels is not None
        self.pixels, self.labels, self.seed = reference.pixels, reference.labels, seed
        self.teacher = accuracy.teach(self.pixels, self.labels, classes=10, seed=seed)
        self.known: dict[str, Estimate | str] = {}

    def examine(self, pixels: Tensor, labels: Tensor) -> Found:
        """`gan_train` and `gan_test` of a rung; the same images are not taught twice."""
        digest = hashlib.sha256(pixels.numpy().data)
        digest.update(labels.numpy().data)
        name = digest.hexdigest()
        if name not in self.known:
            self.known[name] = attempt(
                lambda: accuracy.gan_train(pixels, labels, self.pixels, self.labels, self.seed)
            )
        answers = accuracy.right(self.teacher, pixels, labels).numpy()
        return {"gan_train": self.known[name], "gan_test": share_of(answers, of="fake")}


def climb(
    ladder: Ladder,
    held_out: Features,
    train: Features,
    extractor: Extractor,
    school: School,
    seed: int,
) -> dict[str, Any]:
    """Every metric on every rung, and which rungs it tells from the first one."""
    near = search_training(held_out, train)
    found: list[Found] = []
    for pixels, labels in ladder.sets:
        images = Images(ladder.name, "damaged", pixels, None)
        features = extract(extractor, images, len(pixels), seed, ladder.name)
        rung = measure(held_out, features) | measure_copies(features, held_out, train, near)
        found.append(rung | school.examine(pixels, labels))
    return describe(ladder, found)


def describe(ladder: Ladder, found: list[Found]) -> dict[str, Any]:
    """A ladder as ladders.json holds it."""
    rows = [entries(rung) for rung in found]
    verdicts = {name: [verdict(name, rung, found[0]) for rung in found] for name in rows[0]}
    values = {
        name: [{"value": row[name]["value"], "interval": row[name]["interval"]} for row in rows]
        for name in rows[0]
    }
    about = {key: getattr(ladder, key) for key in ("title", "harms", "unit", "rungs")}
    return {**about, "metrics": values, "verdicts": verdicts}


def verdict(name: str, rung: Found, first: Found) -> str:
    """What a metric says of a rung against the undamaged one: same, worse, better or none."""
    now, before = rung[name], first[name]
    if not isinstance(now, Estimate) or not isinstance(before, Estimate):
        return "none"
    found = compare(now, before)
    if found.p_value >= CERTAIN:
        return "same"
    better = METRICS[name].better
    # Away from the undamaged set is worse, whichever way, where no way is good by itself.
    gained = better == "higher" and found.difference > 0
    gained |= better == "lower" and found.difference < 0
    return "better" if gained else "worse"


def counts(train: Images, config: Config, extractor: Extractor) -> dict[str, Any]:
    """The ladder of sample counts: two halves of the training images, nothing damaged."""
    half = len(train) // 2
    sides = []
    for name, part in (("first half", slice(0, half)), ("second half", slice(half, 2 * half))):
        images = Images(name, "train", train.pixels[part], None)
        sides.append(extract(extractor, images, half, config.seed, name))
    found = []
    sizes = tuple(n for n in config.counts if n <= half)
    for n in sizes:
        index = torch.randperm(half, generator=torch.Generator().manual_seed(n))[:n].numpy()
        found.append(measure(*(side.subset(index) for side in sides)))
    ladder = Ladder("counts", "Fewer or more images", "nothing", sizes, "images per set", ())
    return describe(ladder, found)


def unequal(train: Images, test: Images, config: Config, extractor: Extractor) -> dict[str, Any]:
    """The ladder of unequal counts: more and more training images against all test images."""
    real = extract(extractor, test, len(test), config.seed, "test")
    every = extract(extractor, train, len(train), config.seed, "train")
    sizes = tuple(n for n in config.unequal if n <= len(train))
    found = []
    for n in sizes:
        index = torch.randperm(len(train), generator=torch.Generator().manual_seed(n))[:n].numpy()
        found.append(measure(real, every.subset(index)))
    unit = f"images against {len(test):,}"
    return describe(
        Ladder("unequal", "Fewer or more on one side", "nothing", sizes, unit, ()), found
    )


def picture(made: list[Ladder], columns: int = 6) -> bytes:
    """PNG: one image on each rung of blur, noise and JPEG, a row a ladder."""
    rows = [
        torch.stack([pixels[SHOWN] for pixels, _ in ladder.sets[:columns]])
        for ladder in made
        if ladder.name in ("blur", "noise", "jpeg")
    ]
    return grids.png(grids.image_grid(torch.cat(rows), columns, scale=3))


def drawn(results: dict[str, Any]) -> dict[str, bytes]:
    """The charts of all ladders, by file name."""
    return {
        "ladders.svg": charts.ladders(results),
        "counts.svg": charts.counts(results["counts"], results["unequal"]),
    }


@dataclass(frozen=True)
class Options:
    """What the script can be asked."""

    config: Config
    data: DataConfig = field(default_factory=lambda: DataConfig(name="mnist"))
    run_dir: Path | None = None
    """Where the results of other settings than those of record go; default runs/SLUG."""
    docs_dir: Path | None = None
    """Docs folder to publish to; default docs/ for the settings of record, else RUN_DIR/docs."""
    publish: bool = True
    """Publish what was found; else only say what was done."""
    from_published: bool = False
    """Draw the charts again from the published numbers, without an audit."""


@dataclass(frozen=True)
class Audit:
    """The audit with its settings of record, as an experiment without a training."""

    slug: str
    title: str
    settings: Config = field(default_factory=Config)
    method_path = "imggen.studies.audit.audit:Audit"

    @property
    def method(self) -> Any:
        """What decides the results, for the source hash."""
        return type(self)

    def config(self) -> dict[str, Any]:
        """The settings of record, as a manifest holds them."""
        return {"method": dataclasses.asdict(self.settings), "data": {"name": "mnist"}}

    def main(self) -> None:
        """Reads the command line, audits, publishes and exits: 0 done, 2 bad input."""
        default = Options(config=self.settings)
        run_command(lambda: self.run(tyro.cli(Options, default=default, description=self.title)))

    def run(self, options: Options) -> None:
        """Climbs all ladders, makes the checks, and publishes."""
        if options.from_published:
            self.redraw(places.assets(options.docs_dir) / self.slug)
            return
        started, config = time.monotonic(), options.config
        code = git_state()  # as it is now, not when all is done
        if options.data.name != "mnist":
            raise UserError(f"The audit is made of mnist, not of {options.data.name}.")
        train = datasets.load("mnist", "train", options.data.root)
        test = datasets.load("mnist", "test", options.data.root)
        extractor = lenet_extractor()
        held_out = extract(extractor, test, config.n, config.seed, "reference")
        seen = train.subset(slice(0, config.training))
        known = extract(extractor, seen, len(seen), config.seed, "training set")
        index = choose(test.hashes, config.n, config.seed)  # those of held_out
        school = School(test.subset(index), config.seed)
        made = list(ladders(train, config))
        results: dict[str, Any] = {}
        for ladder in made:
            print(f"ladder: {ladder.title}", flush=True)
            results[ladder.name] = climb(ladder, held_out, known, extractor, school, config.seed)
        print("ladder: sample counts", flush=True)
        results["counts"] = counts(train, config, extractor)
        results["unequal"] = unequal(train, test, config, extractor)
        judged = []
        for check in checks.CHECKS:
            print(f"check: {check.title}", flush=True)
            about = {"title": check.title, "expected": check.expected, "rungs": check.rungs}
            judged.append({**about, "measures": checks.run(check, config.seed)})
        files = {
            **drawn(results),
            "damage.png": picture(made),
            "audit.json": json_bytes({"ladders": results, "checks": judged}),
        }
        if not options.publish:
            return
        run = options.run_dir or places.repository() / "runs" / self.slug
        of_record = config == self.settings
        default = places.repository() / "docs" if of_record else run / "docs"
        folder = places.assets(options.docs_dir or default) / self.slug
        manifest = self.manifest(options, train, test, extractor)
        manifest |= {"git": code, "wall_seconds": round(time.monotonic() - started, 1)}
        publish.publish(folder, files, None, manifest)
        print(f"published in {folder}")

    def redraw(self, folder: Path) -> None:
        """The charts of the published numbers, drawn again."""
        if not (folder / "manifest.json").exists():
            raise UserError(f"{self.slug} is not published in {folder}: make the audit first.")
        found, manifest = (read_json(folder / name) for name in ("audit.json", "manifest.json"))
        publish.publish(folder, drawn(found["ladders"]), None, manifest)
        print(f"drawn again in {folder}")

    def manifest(
        self, options: Options, train: Images, test: Images, extractor: Extractor
    ) -> dict[str, Any]:
        """What one needs to know to make this audit again, but the code's state and the time."""
        config = {"method": dataclasses.asdict(options.config), "data": {"name": "mnist"}}
        return {
            "slug": self.slug,
            "title": self.title,
            "command": command_line(),
            "method": self.method_path,
            "config": config,
            "config_hash": sha256_json(inputs(config)),
            "source_hash": source_hash(__name__),
            "dataset": {
                "name": train.name,
                "split": "train",
                "sha256": train.sha256,
                "images": len(train),
            },
            "reference": {"split": "test", "sha256": test.sha256, "images": len(test)},
            "features": extractor.describe(),
            "packages": package_versions(),
            "device": device_name(torch.device("cpu")),
            "seed": options.config.seed,
        }
