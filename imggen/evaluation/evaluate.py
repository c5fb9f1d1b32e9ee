"""Scores of generated images against real ones: what `imggen evaluate` and every page reports."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NotRequired, TypedDict

from imggen.data.images import choose
from imggen.evaluation.by_images import by_images, refuse_unlabelled
from imggen.evaluation.catalogue import Entries, Found, entries
from imggen.evaluation.comparison import Comparison, comparisons
from imggen.evaluation.measure import (
    K_BALLS,
    K_MANIFOLD,
    measure,
    measure_copies,
    measure_copies_of_real,
    search_training,
)
from imggen.evaluation.protocol import SAMPLES, SEED
from imggen.features.extract import choose_extractor, extract
from imggen.features.extractors import PIXELS, Description, Extractor
from imggen.features.sets import AnySet, Features, Source, refuse_unlike
from imggen.metrics.certainty.estimate import REPLICATES
from imggen.metrics.certainty.halves import CUTS
from imggen.runs.provenance import SCORING, source_hash
from imggen.system.errors import UserError

LEAST = 2 * (K_BALLS + 1)
"""So many samples leave each half of a set the neighbours that balls need."""


@dataclass(frozen=True)
class Sets:
    """All that is compared, as features, the same number of each but of the training set."""

    real: Features
    fake: Features
    train: Features | None
    """All real images that the generator saw."""
    against: Features | None
    """A second generator's."""
    extractor: Extractor | None
    """None for features that somebody else extracted."""
    n: int
    seed: int


class Rival(TypedDict):
    """The second generator in a result."""

    name: str
    split: str
    metrics: Entries


class Result(TypedDict):
    """What metrics.json holds (DESIGN § 7)."""

    metrics: Entries
    real: Source
    fake: Source
    floor: NotRequired[Source]
    train: NotRequired[Source]
    against: NotRequired[Rival]
    comparison: NotRequired[dict[str, Comparison]]
    features: Description
    protocol: dict[str, str | int]
    warnings: list[str]


def gather(
    real: AnySet,
    fake: AnySet,
    train: AnySet | None = None,
    against: AnySet | None = None,
    *,
    features: str = "auto",
    weights: Path | None = None,
    n: int = SAMPLES,
    seed: int = SEED,
    cache: bool = False,
    utility: bool = False,
) -> Sets:
    """Extracts the features of everything that is compared, once.

    `train` holds other real images, those that the generator saw. `against` is a second generator.
    At most `n` images of each set are used, the same number of all (0: as many as the smallest one
    holds). `utility` says that labels will be needed.

    Raises: UserError for sets that can't be compared.
    """
    if 0 < n < LEAST:
        raise UserError(f"--n is {n}: scores need {LEAST} samples or more.")
    others = [given for given in (fake, train, against) if given is not None]
    extractor = check(real, others, features, weights, utility)
    size = min([len(given) for given in (real, *others)] + [n or sys.maxsize])

    def optional(given: AnySet | None, most: int, role: str, keep: bool) -> Features | None:
        return None if given is None else extract(extractor, given, most, seed, role, keep)

    return Sets(
        real=extract(extractor, real, size, seed, "real", cache),
        train=optional(train, sys.maxsize, "training", cache),
        fake=extract(extractor, fake, size, seed, "generated"),
        against=optional(against, size, "second", False),
        extractor=extractor,
        n=size,
        seed=seed,
    )


def evaluate(sets: Sets, utility: bool = False) -> Result:
    """Every metric of the generated set against the real one, as DESIGN § 7 lays metrics.json out.

    As many training images, measured like generated ones, are the floor, what a perfect generator
    would get at this n; and all of them are searched for copies. `utility` trains classifiers on
    labelled sets.

    Raises: UserError for sets that no metric can take.
    """
    real, fake, train = sets.real, sets.fake, sets.train
    near = None if train is None else search_training(real, train)

    def scored(made: Features, teach: bool) -> Found:
        found = measure(real, made) | by_images(real, made, teach)
        if train is not None and near is not None:
            found |= measure_copies(made, real, train, near)
        return found

    found, floor = scored(fake, utility), None
    result: Result = {
        "metrics": {},
        "real": real.source,
        "fake": fake.source,
        "features": described(sets),
        "protocol": protocol(sets.n, sets.seed),
        "warnings": warnings_for(sets) + shared_images(sets),
    }
    if train is not None and near is not None:
        part = train.subset(choose(train.hashes, sets.n, sets.seed, among_sorted=True).numpy())
        teachable = part.images is not None and part.images.labels is not None
        floor = measure(real, part) | measure_copies_of_real(real, train, near)
        floor |= by_images(real, part, utility and teachable)
        result |= {"floor": part.source, "train": train.source}
    if sets.against is not None:
        rival = scored(sets.against, False)
        about = {"name": sets.against.name, "split": sets.against.split}
        result["against"] = {**about, "metrics": entries(rival)}  # type: ignore[typeddict-item]
        result["comparison"] = comparisons(found, rival, floor)
    result["metrics"] = entries(found, floor)
    return result


def check(
    real: AnySet, others: list[AnySet], features: str, weights: Path | None, utility: bool
) -> Extractor | None:
    """The extractor for these sets, None for given features.

    Raises: UserError for sets that can't be compared, or options that don't fit them.
    """
    if utility:
        for given in (real, others[0]):
            refuse_unlabelled(given.name, given)
    for other in others:
        refuse_unlike(real, other)
    fewest = min((real, *others), key=len)
    if len(fewest) < LEAST:
        raise UserError(f"{fewest.name} holds {len(fewest)} samples: scores need {LEAST} or more.")
    if isinstance(real, Features):
        if features != "auto" or weights is not None:
            raise UserError(f"{real.name} holds features: --features and --weights are for images.")
        return None
    extractor = choose_extractor(features, real, weights)
    for other in others:
        if (
            extractor.name == "pixels"
            and not isinstance(other, Features)
            and other.shape != real.shape
        ):
            raise UserError(
                f"The images of {other.name} are {other.shape} (channels, height, width) and do "
                f"not match those of {real.name}, {real.shape}: resize or convert one set, or use "
                "--features lenet, colour or inception."
            )
    return extractor


def described(sets: Sets) -> Description:
    """The feature extractor as metrics.json holds it."""
    if sets.extractor is not None:
        return sets.extractor.describe()
    return {"name": "given", "dim": sets.real.values.shape[1]}


def shared_images(sets: Sets) -> list[str]:
    """Warnings of sets that share samples with the real one: metrics assume independent ones."""
    among = "are also among the real ones"
    consequences = {
        f"generated samples {among}": "intervals and distances assume that the sets are "
        "independent",
        f"samples of the second generator {among}": "a set that holds the answers wins any "
        "comparison",
        f"training images {among}": "the floor is too low, and copies can't be told; give as REAL "
        "images that the generator has not seen",
    }
    others = (sets.fake, sets.against, sets.train)
    found, known = [], set(sets.real.hashes)
    for (what, then), other in zip(consequences.items(), others, strict=True):
        same = 0 if other is None else sum(content in known for content in other.hashes)
        if other is not None and same:
            found.append(f"{same} of the {len(other)} {what}: {then}.")
    return found


def protocol(n: int, seed: int) -> dict[str, str | int]:
    """The settings that a value depends on."""
    return {
        "n": n,
        "seed": seed,
        "k_precision_recall": K_MANIFOLD,
        "k_density_coverage": K_BALLS,
        "code": source_hash(*SCORING),
        "interval": f"95 %: {REPLICATES} bootstrap replicates of influences; neighbours, PRD and "
        f"near copies: {CUTS} cuts into halves; modes: {CUTS} redraws; other shares: Wilson",
    }


def warnings_for(sets: Sets) -> list[str]:
    """What a reader must know before believing the numbers."""
    real, fake, dim = sets.real, sets.fake, sets.real.values.shape[1]
    warnings = []
    if sets.n <= dim:
        warnings.append(
            f"n = {sets.n} is not above the {dim} feature dimensions: covariances are "
            "singular and the Fréchet distance is badly biased upwards; trust the kernel distance "
            "more."
        )
    if real.total != fake.total:
        warnings.append(
            f"{real.total} real and {fake.total} generated images were given; {sets.n} of each "
            "were used."
        )
    if real.split == "train" and fake.images is not None:
        warnings.append(
            "The reference is a training split: values are lower than against held-out images and "
            "do not compare with those."
        )
    return warnings + about_features(sets)


def about_features(sets: Sets) -> list[str]:
    """What the extractor may miss."""
    real, fake, extractor = sets.real, sets.fake, sets.extractor
    if extractor is None or real.images is None or fake.images is None:
        return []
    warnings = []
    if extractor.name == "pixels" and max(real.images.shape[1:]) > PIXELS:
        warnings.append(
            f"Raw pixels are compared at {PIXELS}x{PIXELS} at most, not at the size of these "
            "images: no finer detail is seen. A network sees more: --features inception."
        )
    if real.images.shape != fake.images.shape:
        warnings.append(
            f"Real images are {real.images.shape} and generated ones {fake.images.shape}; both "
            f"were prepared as {extractor.name} needs ({extractor.preparation})."
        )
    if extractor.name == "lenet" and not real.name.startswith("mnist"):
        warnings.append("lenet has only seen MNIST digits: its features may miss what matters.")
    if extractor.name == "colour" and "cifar10" not in real.name:
        warnings.append("colour has only seen CIFAR-10: its features may miss what matters.")
    return warnings
