"""Does a density model know a digit when it sees one? It is asked how likely other images are.

One expects that a model of digits finds digits likely and all else unlikely. It need not be so:
what is smooth or dark may be more likely than any digit (Nalisnick et al. 2019, arXiv:1810.09136).
Each published model is shown test digits, the same digits changed, plain images, noise, and
photographs of other things; it makes them binary, or adds noise to them, as it does with digits.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypedDict

import numpy as np
import torch
import tyro
from torch import Tensor

from imggen.data.datasets import DataConfig
from imggen.data.images import Images, choose, normalise
from imggen.drawing import grids
from imggen.drawing.distributions import Ridges, ridges
from imggen.methods import HasLikelihood, Method
from imggen.metrics.arrays import Array
from imggen.metrics.certainty.estimate import mean_of, share_of
from imggen.publishing.study import (
    Begun,
    StudyOptions,
    common_manifest,
    publish_study,
    published_folder,
    published_weights,
)
from imggen.runs.places import find
from imggen.runs.provenance import source_hash
from imggen.runs.restore import load
from imggen.runs.settings import as_json
from imggen.studies.trade import Place
from imggen.system.command import run_command
from imggen.system.errors import UserError
from imggen.system.files import Json, json_bytes, read_json
from imggen.system.seeds import derive_seed

SEED, SAMPLES, PLAIN, COLUMNS = 0, 1_000, 100, 16
FILE, DIGITS = "likes_others.json", "test digits"
BEYOND = 4.0
"""The chart ends at so many times the median of the digits."""
UNITS = {"nll_nats": "nats of binary pixels", "bits_per_dim": "bits per dimension of grey levels"}
"""What a method's likelihood is read in, the first that it gives; never both in one panel."""
FIGURES = {
    "likelier": (
        "likes_others.svg",
        "How unlikely each model finds images of each kind: the further left, the more likely. The "
        "line is the median of the test digits; the last bin holds all that lies beyond.",
    ),
    "strangers": ("shown.png", "What was shown, a row for each kind in the order of the chart."),
}


class Asked(TypedDict):
    """What one model says of one kind of images."""

    mean: float
    interval: list[float]
    liked: float
    """Share of the images that are more likely than the median test digit."""
    liked_interval: list[float]
    auroc: float | None
    """How often a test digit is more likely than an image of this kind; none of digits alone."""
    auroc_interval: list[float] | None
    """As if both sets were independent: for changed digits wider than it need be."""
    n: int


class Answer(TypedDict):
    """What one model says of all kinds."""

    unit: str
    note: str
    kinds: dict[str, Asked]


def changed(digits: Tensor) -> dict[str, Tensor]:
    """By name: uint8 digits (N, C, H, W) as they are and changed; noise; and fewer plain images."""
    generator = torch.Generator().manual_seed(derive_seed("shown", SEED))
    noise = torch.randint(0, 256, digits.shape, generator=generator, dtype=torch.uint8)
    return {
        DIGITS: digits,
        "dimmed to half": digits // 2,
        "mirrored": digits.flip(3),
        "inverted": 255 - digits,
        "black": torch.zeros_like(digits[:PLAIN]),
        "grey": torch.full_like(digits[:PLAIN], 128),
        "noise": noise,
    }


def others(
    names: Mapping[str, str], shape: tuple[int, int, int], place: Place, most: int
) -> dict[str, Tensor]:
    """By name: at most so many test images of other datasets, cut and made grey as the digits are.

    Raises: UserError for data that can't be read, or shapes that can't be reached.
    """
    channels, height, width = shape
    if channels != 1 or height != width:
        raise UserError(f"Other images are made grey and square, and these are {shape}.")
    of = {
        title: DataConfig(name, place.root, size=height, grey=True) for title, name in names.items()
    }
    return {title: chosen(config.load("test"), most) for title, config in of.items()}


def chosen(images: Images, most: int) -> Tensor:
    """The pixels of at most so many images, whatever the order of the files."""
    return images.pixels[choose(images.hashes, most, SEED)]


@torch.inference_mode()
def unlikely(method: Method, pixels: Tensor) -> tuple[str, Array]:
    """The unit of a method's likelihood, and minus its logarithm (N,) of uint8 images.

    In double precision where single has no finite answer: far from all that it has seen a flow's
    values overflow.

    Raises: ValueError for a method that has no likelihood, or images of another shape.
    """
    if not isinstance(method, HasLikelihood):
        raise ValueError(
            f"{type(method).__name__} has no likelihood: name a model that has one, such as a VAE"
        )
    if pixels.shape[1:] != method.spec.shape:
        raise ValueError(
            f"{type(method).__name__} was trained on images of {method.spec.shape} and can't judge "
            f"those of {tuple(pixels.shape[1:])}"
        )
    x, found = normalise(pixels), dict[str, Tensor]()
    for precision in (torch.float32, torch.float64):
        generator = torch.Generator().manual_seed(derive_seed("likelihood", SEED))
        judge = copy.deepcopy(method).to(precision)
        assert isinstance(judge, HasLikelihood)
        found = judge.likelihood(x.to(precision), generator)
        if all(values.isfinite().all() for values in found.values()):
            break
    name = next((name for name in UNITS if name in found), None)
    if name is None:
        raise ValueError(f"{type(method).__name__} gives none of {', '.join(UNITS)}")
    return name, found[name].double().numpy()


def auroc(digits: Array, other: Array) -> tuple[float, list[float]]:
    """How often a digit (n,) is less unlikely than another image (m,), with its interval.

    Ties count half. The variance is that of the share of the other set that each image beats
    (DeLong et al. 1988).
    """
    beats = (digits[:, None] < other) + 0.5 * (digits[:, None] == other)
    value = float(beats.mean())
    spread = sum(
        float(np.var(beats.mean(axis=axis), ddof=1)) / beats.shape[1 - axis] for axis in (0, 1)
    )
    reach = 1.96 * math.sqrt(spread)
    return value, [max(0.0, value - reach), min(1.0, value + reach)]


def asked(values: Array, digits: Array | None, median: float) -> Asked:
    """What is told of one kind; `digits` are the values of test digits, None for these alone."""
    mean, liked = mean_of(values, of="fake"), share_of((values < median).astype(float), of="fake")
    value, interval = (None, None) if digits is None else auroc(digits, values)
    return {
        "mean": mean.value,
        "interval": list(mean.interval()),
        "liked": liked.value,
        "liked_interval": list(liked.interval()),
        "auroc": value,
        "auroc_interval": interval,
        "n": len(values),
    }


def answer(method: Method, shown: Mapping[str, Tensor]) -> tuple[Answer, dict[str, Array]]:
    """What a model says of all kinds of images, and the values of each image.

    Raises: ValueError as `unlikely` does.
    """
    found = {title: unlikely(method, pixels) for title, pixels in shown.items()}
    values = {title: each for title, (_, each) in found.items()}
    digits, unit = values[DIGITS], found[DIGITS][0]
    median = float(np.median(digits))
    kinds = {
        title: asked(each, None if title == DIGITS else digits, median)
        for title, each in values.items()
    }
    note = getattr(method, "likelihood_note", "")
    return {"unit": UNITS[unit], "note": note, "kinds": kinds}, values


def chart(titles: Mapping[str, str], units: Mapping[str, str],
          values: Mapping[str, Mapping[str, Array]]) -> bytes:  # fmt: skip
    """SVG: a panel for each model, a row of histograms in it for each kind."""
    panels = {}
    for slug, rows in values.items():
        end = BEYOND * float(np.median(rows[DIGITS]))
        panels[f"{titles[slug]} ({slug}): {units[slug]}"] = Ridges(rows, end)
    return ridges(panels)


def module_of(slug: str) -> str:
    """The module of a published model's method, whose code decides what it finds likely."""
    return str(read_json(find(slug) / "manifest.json")["method"]).partition(":")[0]


@dataclass(frozen=True, kw_only=True)
class Options(StudyOptions):
    """What the script can be asked."""

    data: Place = field(default_factory=Place)
    generators: tuple[str, ...] = ()
    """Published models in place of those of record."""


@dataclass(frozen=True)
class LikesOthers:
    """The question with its models of record, as an experiment without a training."""

    slug: str
    title: str
    generators: tuple[str, ...]
    """Published slugs of models with a likelihood, all of the same data."""
    data: DataConfig = field(default_factory=lambda: DataConfig(name="mnist"))
    strangers: Mapping[str, str] = field(
        default_factory=lambda: {"tiles": "magnetic_tile", "roads": "camvid"}
    )
    """By what people read: datasets of other things."""
    samples: int = SAMPLES
    """Images of each kind, at most."""

    method_path = f"{answer.__module__}:{answer.__name__}"
    loop = None

    def config(self) -> Json:
        """The settings of record; the weights are among them: others make it stale."""
        return self.settings(self.generators)

    def settings(self, generators: tuple[str, ...]) -> Json:
        """Settings as a manifest holds them, of these models."""
        asked = {
            "weights": published_weights(generators),
            "code": {slug: source_hash(module_of(slug)) for slug in generators},
            "strangers": dict(self.strangers),
            "samples": self.samples,
        }
        return {"method": asked, "data": as_json(self.data)}

    def main(self) -> None:
        """Reads the command line, asks, publishes, and exits: 0 done, 2 bad input."""
        run_command(lambda: self.run(tyro.cli(Options, description=f"{self.title}")))

    def run(self, options: Options) -> None:
        """Asks all models, and publishes; `--from-published` does the same: nothing is trained.

        Raises: UserError, before any is asked, for models without likelihood; for data not there.
        """
        begun, generators = Begun(), options.generators or self.generators
        methods, titles = {}, {}
        for slug in generators:
            trained, manifest = load(find(slug))
            methods[slug], titles[slug] = trained.method, str(manifest["title"])
            if not isinstance(trained.method, HasLikelihood):
                raise UserError(f"{slug} has no likelihood: name models that have, such as a VAE.")
            if (name := manifest["dataset"]["name"]) != self.data.name:
                raise UserError(f"{slug} is a model of {name}: name models of {self.data.name}.")
        config = self.settings(tuple(generators))
        if options.from_published:
            published_folder(self, options, config)
        test = DataConfig(self.data.name, options.data.root).load("test")
        shown = changed(chosen(test, self.samples))
        shown |= others(self.strangers, test.shape, options.data, self.samples)
        shown = {title: pixels[: self.samples] for title, pixels in shown.items()}
        answers, values = {}, {}
        for slug, method in methods.items():
            print(f"asking {slug}", flush=True)
            try:
                answers[slug], values[slug] = answer(method, shown)
            except ValueError as error:
                raise UserError(f"{slug}: {error}.") from error
        if not options.publish:
            return
        units = {slug: found["unit"] for slug, found in answers.items()}
        pixels = torch.cat([each[:COLUMNS] for each in shown.values()])
        files = {
            FIGURES["likelier"][0]: chart(titles, units, values),
            FIGURES["strangers"][0]: grids.png(grids.sheet(pixels, COLUMNS)),
            FILE: json_bytes({"models": answers, "titles": titles}),
        }
        manifest = common_manifest(self, config, test, SEED) | begun.facts()
        publish_study(self, options, files, manifest)
