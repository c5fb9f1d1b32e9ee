"""All metrics of a set of features against another, with what each of them sees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from imggen.errors import UserError
from imggen.metrics import (
    classifier,
    clipped,
    frechet,
    kid,
    memorisation,
    modes,
    neighbours,
    pairwise,
    prd,
    vendi,
)
from imggen.metrics.arrays import Array
from imggen.metrics.bootstrap import Estimate, mean_of

K_MANIFOLD, K_BALLS = 3, 5
Sees = Literal["both", "coherence", "variety", "memorisation", "likelihood"]
Better = Literal["lower", "higher", "floor"]


@dataclass(frozen=True)
class Metric:
    """What a reader must know about a metric before its value."""

    sees: Sees
    better: Better
    """`floor`: neither low nor high is good, near the value of real images is."""


METRICS = {
    "frechet_distance": Metric("both", "lower"),
    "frechet_infinity": Metric("both", "lower"),
    "kid": Metric("both", "lower"),
    "classifier_score": Metric("both", "floor"),
    "precision": Metric("coherence", "higher"),
    "density": Metric("coherence", "higher"),
    "clipped_density": Metric("coherence", "higher"),
    "prd_f1_8": Metric("coherence", "higher"),
    "recall": Metric("variety", "higher"),
    "coverage": Metric("variety", "higher"),
    "clipped_coverage": Metric("variety", "higher"),
    "prd_f8": Metric("variety", "higher"),
    "vendi_score": Metric("variety", "floor"),
    "pairwise_diversity": Metric("variety", "floor"),
    "class_divergence": Metric("variety", "lower"),
    "modes": Metric("variety", "higher"),
    "mode_divergence": Metric("variety", "lower"),
    "gan_train": Metric("both", "higher"),
    "gan_test": Metric("coherence", "higher"),
    "authenticity": Metric("memorisation", "floor"),
    "data_copying": Metric("memorisation", "floor"),
    "near_copies": Metric("memorisation", "floor"),
    "copied": Metric("memorisation", "lower"),
    "repeated": Metric("memorisation", "lower"),
    "nll_nats": Metric("likelihood", "lower"),
    "elbo_nats": Metric("likelihood", "lower"),
    "bits_per_dim": Metric("likelihood", "lower"),
}
CORE = ("frechet_distance", "kid", "precision", "recall", "density", "coverage", "classifier_score")
"""What every table of results shows; the rest stands in metrics.json and `imggen evaluate`."""


@dataclass(frozen=True)
class Features:
    """One set's features (n, d), logits (n, classes) or None, and where they come from."""

    values: Array
    logits: Array | None
    source: dict[str, Any]
    hashes: list[bytes] = field(default_factory=list)
    """One for each image's pixels, empty for features without images."""


Found = dict[str, Estimate | str]
"""By metric: its estimate, or one sentence that says why there is none."""


def measure(real: Features, fake: Features) -> Found:
    """Every metric that needs real and generated samples.

    Raises: UserError for features that no metric can take.
    """
    x, y = real.values, fake.values
    try:
        found: Found = {"frechet_distance": frechet.estimate(x, y), "kid": kid.estimate(x, y)}
        near = neighbours.neighbourhoods(x, y, K_MANIFOLD, K_BALLS)
    except ValueError as error:
        raise UserError(str(error)) from error
    found |= near.estimates()
    found["clipped_density"] = clipped.clipped_density(near)
    found["clipped_coverage"] = clipped.clipped_coverage(near)
    found["frechet_infinity"] = attempt(lambda: _frechet_infinity(x, y, found["frechet_distance"]))
    found["vendi_score"] = attempt(lambda: vendi.vendi_score(y))
    found["pairwise_diversity"] = attempt(lambda: pairwise.pairwise_diversity(x, y))
    try:
        curve = prd.prd(x, y)
        found |= {"prd_f8": curve.f8, "prd_f1_8": curve.f1_8}
    except ValueError as error:
        found |= {"prd_f8": str(error), "prd_f1_8": str(error)}
    if fake.hashes:
        found["repeated"] = memorisation.repeated(fake.hashes)
    return found | _by_classifier(real.logits, fake.logits)


def _frechet_infinity(real: Array, fake: Array, finite: Estimate | str) -> Estimate:
    assert isinstance(finite, Estimate)
    return Estimate(frechet.frechet_infinity(real, fake), finite.real, finite.fake)


def attempt(compute: Callable[[], Estimate]) -> Estimate | str:
    """What `compute` gives, or the sentence of its ValueError."""
    try:
        return compute()
    except ValueError as error:
        return str(error)


def _by_classifier(real: Array | None, fake: Array | None) -> Found:
    if fake is None or real is None:
        reason = "These features have no classifier."
        return {"classifier_score": reason, "class_divergence": reason}
    n_classes = fake.shape[1]
    shares = np.bincount(real.argmax(axis=1), minlength=n_classes) + 0.5  # none is impossible
    counted = attempt(lambda: modes.label_modes(fake.argmax(axis=1), n_classes, shares).divergence)
    return {"classifier_score": classifier.estimate(fake), "class_divergence": counted}


def measure_copies(fake: Features, held_out: Features, train: Features) -> Found:
    """The metrics that ask whether `fake` is new, given the training set and held-out samples.

    Raises: UserError for features that can't be searched.
    """
    y, held, seen = fake.values, held_out.values, train.values
    try:
        near = memorisation.nearest(y, seen), memorisation.nearest(held, seen)
    except ValueError as error:
        raise UserError(str(error)) from error
    found: Found = {
        "authenticity": attempt(lambda: memorisation.authenticity(y, seen, near[0])),
        "near_copies": attempt(lambda: memorisation.near_copies(*near)),
        "data_copying": attempt(lambda: memorisation.data_copying(y, held, seen, near)),
    }
    if fake.hashes and train.hashes:
        found["copied"] = memorisation.copied(fake.hashes, train.hashes)
    return found


def measure_copies_of_real(held_out: Features, train: Features) -> Found:
    """What new samples score: held-out ones in place of generated ones, or by definition."""
    held, seen = held_out.values, train.values
    n = len(held)
    found: Found = {
        "authenticity": attempt(lambda: memorisation.authenticity(held, seen)),
        "near_copies": mean_of(np.full(n, memorisation.NEAR), of="fake"),
        "data_copying": mean_of(np.zeros(n), of="fake"),
    }
    if held_out.hashes and train.hashes:
        found["copied"] = memorisation.copied(held_out.hashes, train.hashes)
    return found


def entries(found: Found, floor: Found | None = None) -> dict[str, dict[str, Any]]:
    """The estimates as metrics.json lays them out, in the catalogue's order (DESIGN § 7)."""
    rows: dict[str, dict[str, Any]] = {}
    for name, metric in METRICS.items():
        if name not in found:
            continue
        estimate = found[name]
        row: dict[str, Any] = {"value": None, "interval": None}
        if isinstance(estimate, Estimate):
            row = {"value": estimate.value, "interval": list(estimate.interval())}
        else:
            row["note"] = estimate
        row |= {"better": metric.better, "sees": metric.sees}
        real = (floor or {}).get(name)
        if isinstance(real, Estimate):
            row |= {"floor": real.value, "floor_interval": list(real.interval())}
        rows[name] = row
    return rows
