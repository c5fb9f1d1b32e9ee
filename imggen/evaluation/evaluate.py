"""Scores of generated images against real ones: what `imggen evaluate` and every page reports."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

import numpy as np

from imggen.data.images import choose
from imggen.evaluation.by_images import by_images, refuse_unlabelled
from imggen.evaluation.catalogue import Found, entries
from imggen.evaluation.comparison import comparisons
from imggen.evaluation.measure import (
    K_BALLS,
    K_MANIFOLD,
    measure,
    measure_copies,
    measure_copies_of_real,
    search_training,
)
from imggen.features.extract import choose_extractor, extract
from imggen.features.extractors import Extractor
from imggen.features.sets import AnySet, Features, GivenFeatures, refuse_unlike
from imggen.metrics.certainty.estimate import REPLICATES
from imggen.metrics.certainty.halves import CUTS
from imggen.runs.provenance import SCORING, source_hash
from imggen.system.errors import UserError

SAMPLES = 10_000
"""At most so many images of each set are compared, the same number of both."""
SEED = 0
LEAST = 2 * (K_BALLS + 1)
"""So many samples leave each half of a set the neighbours that balls need."""


def evaluate(
    real: AnySet,
    fake: AnySet,
    train: AnySet | None = None,
    features: str = "auto",
    n: int = SAMPLES,
    weights: Path | None = None,
    seed: int = SEED,
    against: AnySet | None = None,
    cache: bool = False,
    utility: bool = False,
) -> dict[str, Any]:
    """Every metric of `fake` against `real`, as DESIGN § 7 lays metrics.json out.

    `train` holds other real images, those that the generator saw: as many of them, measured like
    generated ones, are the floor, what a perfect generator would get at this n; and all of them
    are searched for copies. `utility` trains classifiers on labelled sets. `against` is a second
    generator to compare the first with. At most `n` images of each set are used, the same number of
    all (0: as many as the smallest one holds).

    Raises: UserError for sets that can't be compared.
    """
    if 0 < n < LEAST:
        raise UserError(f"--n is {n}: scores need {LEAST} samples or more.")
    others = [given for given in (fake, train, against) if given is not None]
    extractor = check(real, others, features, weights, utility)
    size = min([len(given) for given in (real, *others)] + [n or sys.maxsize])
    held_out = extract(extractor, real, size, seed, "real", cache)
    seen = None if train is None else extract(extractor, train, len(train), seed, "training", cache)
    near = None if seen is None else search_training(held_out, seen)

    def scored(given: AnySet, role: str, teach: bool) -> tuple[Features, Found]:
        made = extract(extractor, given, size, seed, role)
        found = measure(held_out, made) | by_images(real, given, size, seed, teach)
        if seen is not None and near is not None:
            found |= measure_copies(made, held_out, seen, near)
        return made, found

    generated, found = scored(fake, "generated", utility)
    result: dict[str, Any] = {"metrics": {}, "real": held_out.source, "fake": generated.source}
    floor = None
    if train is not None and seen is not None and near is not None:
        part = seen.subset(choose(train.hashes, size, seed, among_sorted=True).numpy())
        floor = measure(held_out, part) | measure_copies_of_real(held_out, seen, near)
        teachable = not isinstance(train, GivenFeatures) and train.labels is not None
        floor |= by_images(real, train, size, seed, utility and teachable)
        content = hashlib.sha256(b"".join(part.hashes)).hexdigest()
        floor_source = {**seen.source, "n": size, "sha256": content}
        result |= {"floor": floor_source, "train": seen.source}
    if against is not None:
        second, rival = scored(against, "second", False)
        result["against"] = {**second.source, "metrics": entries(rival)}
        result["comparison"] = comparisons(found, rival, floor)
    dim = held_out.values.shape[1]
    about = extractor.describe() if extractor else {"name": "given", "dim": dim}
    warnings = warnings_for(size, real, fake, extractor, dim) + twins(held_out, generated)
    return {
        **result,
        "metrics": entries(found, floor),
        "features": about,
        "protocol": protocol(size, seed),
        "warnings": warnings,
    }


def check(
    real: AnySet, others: list[AnySet], features: str, weights: Path | None, utility: bool
) -> Extractor | None:
    """The extractor for these sets, None for given features.

    Raises: UserError for sets that can't be compared, or options that don't fit them.
    """
    if utility:
        for given in (real, others[0]):
            refuse_unlabelled(given)
    for other in others:
        refuse_unlike(real, other)
    fewest = min((real, *others), key=len)
    if len(fewest) < LEAST:
        raise UserError(f"{fewest.name} holds {len(fewest)} samples: scores need {LEAST} or more.")
    if isinstance(real, GivenFeatures):
        if features != "auto" or weights is not None:
            raise UserError(f"{real.name} holds features: --features and --weights are for images.")
        return None
    extractor = choose_extractor(features, real, weights)
    for other in others:
        if (
            extractor.name == "pixels"
            and not isinstance(other, GivenFeatures)
            and other.shape != real.shape
        ):
            raise UserError(
                f"The images of {other.name} are {other.shape} (channels, height, width) and do "
                f"not match those of {real.name}, {real.shape}: resize or convert one set, or use "
                "--features lenet, colour or inception."
            )
    return extractor


def twins(real: Features, fake: Features) -> list[str]:
    """A warning of generated samples that are real ones: the metrics assume independent sets."""
    if not real.hashes or not fake.hashes:
        same = int(np.array_equal(real.values, fake.values)) * len(fake.values)
    else:
        same = len(set(real.hashes) & set(fake.hashes))
    what = f"{same} of the {len(fake.values)} generated samples are also among the real ones"
    return [f"{what}: intervals and distances assume that the sets are independent."] * bool(same)


def protocol(n: int, seed: int) -> dict[str, Any]:
    """The settings that a value depends on."""
    return {
        "n": n,
        "seed": seed,
        "k_precision_recall": K_MANIFOLD,
        "k_density_coverage": K_BALLS,
        "code": source_hash(SCORING),
        "interval": f"95 %: {REPLICATES} bootstrap replicates of influences; neighbours, PRD and "
        f"near copies: {CUTS} cuts into halves; modes: {CUTS} redraws; other shares: Wilson",
    }


def warnings_for(
    n: int, real: AnySet, fake: AnySet, extractor: Extractor | None, dim: int
) -> list[str]:
    """What a reader must know before believing the numbers."""
    warnings = []
    if n <= dim:
        warnings.append(
            f"n = {n} is not above the {dim} feature dimensions: covariances are "
            "singular and the Fréchet distance is badly biased upwards; trust KID more."
        )
    if len(real) != len(fake):
        warnings.append(
            f"{len(real)} real and {len(fake)} generated images were given; {n} of each were used."
        )
    if real.split == "train" and not isinstance(fake, GivenFeatures):
        warnings.append(
            "The reference is a training split: values are lower than against held-out images and "
            "do not compare with those."
        )
    if extractor is None or isinstance(real, GivenFeatures) or isinstance(fake, GivenFeatures):
        return warnings
    if real.shape != fake.shape:
        warnings.append(
            f"Real images are {real.shape} and generated ones {fake.shape}; both were prepared as "
            f"{extractor.name} needs ({extractor.preparation})."
        )
    if extractor.name == "lenet" and not real.name.startswith("mnist"):
        warnings.append("lenet has only seen MNIST digits: its features may miss what matters.")
    if extractor.name == "colour" and "cifar10" not in real.name:
        warnings.append("colour has only seen CIFAR-10: its features may miss what matters.")
    return warnings
