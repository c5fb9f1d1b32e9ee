"""The audit of our metrics: damage real digits step by step, and see which metric notices.

The reference are test images. In place of a generator stand real images that the frozen classifier
has been trained on but that are not in the reference, and what is left of them after the damage.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import tyro
from torch import Tensor

from imggen import charts, damage, data, export, figures, published
from imggen.command import run_command
from imggen.data import Images
from imggen.device import device_name
from imggen.errors import UserError
from imggen.evaluate import extract
from imggen.experiment import DataConfig
from imggen.files import json_bytes, sha256_json
from imggen.measures import METRICS, Features, Found, entries, measure, measure_copies
from imggen.metrics import sanity
from imggen.metrics.bootstrap import Estimate, compare
from imggen.metrics.features import Extractor, lenet_extractor
from imggen.provenance import inputs, source_hash
from imggen.run import command_line, git_state, package_versions

SHOWN = 12
"""The image that stands for all in the picture of the damage."""
CERTAIN = 0.01
"""A metric notices a rung when it differs from the first one with a p-value below."""


@dataclass(frozen=True)
class Config:
    """How much of MNIST the audit uses."""

    n: int = 2500
    """Images in each set of a ladder."""
    training: int = 30_000
    """The first so many training images play the training set, the rest the fresh images."""
    counts: tuple[int, ...] = (100, 300, 1000, 3000, 10_000, 30_000)
    """Images per set on the ladder of sample counts: both halves of the training images."""
    seed: int = 0
    """Of the noise."""


@dataclass(frozen=True)
class Ladder:
    """Sets of images that get worse rung by rung; the first is undamaged."""

    name: str
    title: str
    harms: str
    """coherence, variety, memorisation or nothing."""
    rungs: tuple[float, ...]
    unit: str
    sets: tuple[Tensor, ...]


def ladders(train: Images, config: Config) -> Iterator[Ladder]:
    """The ladders but that of sample counts, which has another reference."""
    assert train.labels is not None
    seen, fresh = train.pixels[: config.training], train.pixels[config.training :]
    labels, n = train.labels[config.training :], config.n
    good = fresh[:n]

    def ladder(name: str, title: str, harms: str, unit: str, rungs: Any, make: Any) -> Ladder:
        return Ladder(name, title, harms, rungs, unit, tuple(make(rung) for rung in rungs))

    def grain(deviation: float) -> Tensor:
        return damage.noise(good, deviation, torch.Generator().manual_seed(config.seed))

    def junk(share: float) -> Tensor:
        shape, generator = good.shape, torch.Generator().manual_seed(config.seed)
        static = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
        return damage.replace(good, static, share)

    yield ladder("blur", "Blur", "coherence", "σ, pixels", (0, 0.5, 1, 1.5, 2, 3),
                 lambda sigma: damage.blur(good, sigma))  # fmt: skip
    yield ladder("noise", "Noise", "coherence", "σ, grey levels", (0, 8, 16, 32, 64, 128), grain)
    yield ladder("jpeg", "JPEG", "coherence", "quality", (100, 75, 50, 25, 10, 5),
                 lambda quality: damage.jpeg(good, quality))  # fmt: skip
    yield ladder("junk", "Pure noise among them", "coherence", "share",
                 (0, 0.01, 0.05, 0.2, 0.5, 1), junk)  # fmt: skip
    yield ladder("dropped", "Classes dropped", "variety", "classes left", (10, 9, 7, 5, 3, 1),
                 lambda kept: fresh[damage.keep_classes(labels, kept, n)])  # fmt: skip
    yield ladder("imbalance", "Classes out of balance", "variety", "ratio", (1, 2, 5, 20, 100),
                 lambda ratio: fresh[damage.unbalance(labels, ratio, n)])  # fmt: skip
    yield ladder("repeated", "Few images, repeated", "variety", "different images",
                 (n, 1000, 300, 100, 30, 10), lambda k: damage.repeat(good, k))  # fmt: skip
    yield ladder("copies", "Copies of the training set", "memorisation", "share",
                 (0, 0.01, 0.05, 0.2, 0.5, 1),
                 lambda share: damage.replace(good, seen[:n], share))  # fmt: skip


def climb(
    ladder: Ladder, held_out: Features, train: Features, extractor: Extractor, seed: int
) -> dict[str, Any]:
    """Every metric on every rung, and which rungs it tells from the first one."""
    found: list[Found] = []
    for pixels in ladder.sets:
        images = Images(ladder.name, "damaged", pixels, None)
        features = extract(extractor, images, len(pixels), seed, ladder.name)
        found.append(measure(held_out, features) | measure_copies(features, held_out, train))
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
        parts = [
            Features(s.values[index], None if s.logits is None else s.logits[index], s.source)
            for s in sides
        ]
        found.append(measure(*parts))
    ladder = Ladder("counts", "Fewer or more images", "nothing", sizes, "images per set", ())
    return describe(ladder, found)


def picture(made: list[Ladder], columns: int = 6) -> bytes:
    """PNG: one image on each rung of blur, noise and JPEG, a row a ladder."""
    rows = [
        torch.stack([pixels[SHOWN] for pixels in ladder.sets[:columns]])
        for ladder in made
        if ladder.name in ("blur", "noise", "jpeg")
    ]
    return figures.png(figures.image_grid(torch.cat(rows), columns, scale=3))


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


@dataclass(frozen=True)
class Audit:
    """The audit with its settings of record, as an experiment without a training."""

    slug: str
    title: str
    settings: Config = Config()
    method_path = "imggen.audit:Audit"

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
        started, config = time.monotonic(), options.config
        if options.data.name != "mnist":
            raise UserError(f"The audit is made of mnist, not of {options.data.name}.")
        train = data.load("mnist", "train", options.data.root)
        test = data.load("mnist", "test", options.data.root)
        extractor = lenet_extractor()
        held_out = extract(extractor, test, config.n, config.seed, "reference")
        seen = train.subset(slice(0, config.training))
        known = extract(extractor, seen, len(seen), config.seed, "training set")
        made = list(ladders(train, config))
        results: dict[str, Any] = {}
        for ladder in made:
            print(f"ladder: {ladder.title}", flush=True)
            results[ladder.name] = climb(ladder, held_out, known, extractor, config.seed)
        print("ladder: sample counts", flush=True)
        results["counts"] = counts(train, config, extractor)
        checks = []
        for check in sanity.CHECKS:
            print(f"check: {check.title}", flush=True)
            about = {"title": check.title, "expected": check.expected, "rungs": check.rungs}
            checks.append({**about, "measures": sanity.run(check, config.seed)})
        files = {
            "ladders.svg": charts.ladders(results),
            "counts.svg": charts.counts(results["counts"]),
            "damage.png": picture(made),
            "audit.json": json_bytes({"ladders": results, "checks": checks}),
        }
        if not options.publish:
            return
        run = options.run_dir or published.repository() / "runs" / self.slug
        of_record = config == self.settings
        default = published.repository() / "docs" if of_record else run / "docs"
        folder = published.assets(options.docs_dir or default) / self.slug
        seconds = time.monotonic() - started
        export.publish(folder, files, None, self.manifest(options, train, test, extractor, seconds))
        print(f"published in {folder}")

    def manifest(
        self,
        options: Options,
        train: Images,
        test: Images,
        extractor: Extractor,
        seconds: float,
    ) -> dict[str, Any]:
        """Everything that one needs to know to make this audit again."""
        config = {"method": dataclasses.asdict(options.config), "data": {"name": "mnist"}}
        return {
            "slug": self.slug,
            "title": self.title,
            "command": command_line(),
            "method": self.method_path,
            "config": config,
            "config_hash": sha256_json(inputs(config)),
            "source_hash": source_hash(__name__),
            "git": git_state(Path(__file__).parent),
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
            "wall_seconds": round(seconds, 1),
        }
