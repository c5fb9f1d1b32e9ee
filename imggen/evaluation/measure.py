"""All metrics of a set of features against another, and against the training set."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from imggen.evaluation.catalogue import Found
from imggen.features.sets import Features
from imggen.metrics import (
    accuracy,
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
from imggen.metrics.certainty.estimate import Estimate, mean_of
from imggen.system.errors import UserError

K_MANIFOLD, K_BALLS = 3, 5
"""Neighbours: of precision and recall; of density, coverage and what clips them."""

MOST_COVARIANCES = 4096
"""Of more dimensions no covariance is taken: (d, d) values, and a time of d^3."""


def measure(real: Features, fake: Features) -> Found:
    """Every metric that needs real and generated samples.

    Raises: UserError for features that no metric can take.
    """
    x, y = real.values, fake.values
    try:
        found: Found = {"frechet_distance": _frechet(x, y), "kid": kid.estimate(x, y)}
        found |= _by_neighbours(x, y)
    except ValueError as error:
        raise UserError(str(error)) from error
    found["frechet_infinity"] = attempt(lambda: _frechet_infinity(x, y, found["frechet_distance"]))
    found["vendi_score"] = attempt(lambda: vendi.vendi_score(y))
    found["pairwise_diversity"] = attempt(lambda: pairwise.pairwise_diversity(x, y))
    try:
        curve = prd.prd(x, y)
        found |= {"prd_f8": curve.f8, "prd_f1_8": curve.f1_8}
    except ValueError as error:
        found |= {"prd_f8": str(error), "prd_f1_8": str(error)}
    if fake.images is not None:
        found["repeated"] = memorisation.repeated(fake.hashes)
    return found | _by_classifier(real.logits, fake.logits) | _agreement(real, fake)


def _by_neighbours(real: Array, fake: Array) -> Found:
    names = ("precision", "recall", "density", "coverage", "clipped_density", "clipped_coverage")
    if np.ptp(real, axis=0).max() == 0:
        reason = "All real samples have the same features: balls around them have no radius."
        return dict.fromkeys(names, reason)
    near = neighbours.neighbourhoods(real, fake, K_MANIFOLD, K_BALLS)
    found = near.estimates() | {
        "clipped_density": clipped.clipped_density(near),
        "clipped_coverage": clipped.clipped_coverage(near),
    }
    return {name: found[name] for name in names}


def _frechet(real: Array, fake: Array) -> Estimate | str:
    dim = real.shape[1]
    if dim > MOST_COVARIANCES:
        return f"Covariances of {dim} dimensions would take too long; {MOST_COVARIANCES} are most."
    return frechet.estimate(real, fake)


def _frechet_infinity(real: Array, fake: Array, finite: Estimate | str) -> Estimate:
    if not isinstance(finite, Estimate):
        raise ValueError(finite)
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
    labels, real_labels, n_classes = fake.argmax(axis=1), real.argmax(axis=1), fake.shape[1]
    divergence = attempt(lambda: modes.against_labels(labels, real_labels, n_classes))
    return {"classifier_score": classifier.estimate(fake), "class_divergence": divergence}


def _agreement(real: Features, fake: Features) -> Found:
    """Whether the classifier sees what was asked for, where it was taught the classes of both."""
    if real.images is None or fake.images is None:
        return {}
    labels, logits = fake.images.labels, fake.logits
    if labels is None or logits is None:
        return {}
    if not real.images.classes == fake.images.classes == fake.class_names:
        return {}
    return {"agreement": accuracy.agreement(logits, labels.numpy())}


def search_training(held_out: Features, train: Features) -> memorisation.Near:
    """Nearest training samples of the held-out ones, for the next two functions.

    Raises: UserError for features that can't be searched.
    """
    try:
        return memorisation.nearest(held_out.values, train.values)
    except ValueError as error:
        raise UserError(str(error)) from error


def measure_copies(
    fake: Features, held_out: Features, train: Features, held_near: memorisation.Near
) -> Found:
    """The metrics that ask whether `fake` is new, given the training set and held-out samples."""
    y, held, seen = fake.values, held_out.values, train.values
    near = search_training(fake, train), held_near
    found: Found = {
        "authenticity": attempt(lambda: memorisation.authenticity(y, seen, near[0])),
        "near_copies": attempt(lambda: memorisation.near_copies(*near)),
        "data_copying": attempt(lambda: memorisation.data_copying(y, held, seen, near)),
    }
    if fake.images is not None and train.images is not None:
        found["copied"] = memorisation.copied(fake.hashes, train.hashes)
    return found


def measure_copies_of_real(
    held_out: Features, train: Features, held_near: memorisation.Near
) -> Found:
    """What new samples score: held-out ones in place of generated ones, or by definition."""
    held, seen = held_out.values, train.values
    n = len(held)
    found: Found = {
        "authenticity": attempt(lambda: memorisation.authenticity(held, seen, held_near)),
        "near_copies": mean_of(np.full(n, memorisation.NEAR), of="fake"),
        "data_copying": mean_of(np.zeros(n), of="fake"),
    }
    if held_out.images is not None and train.images is not None:
        found["copied"] = memorisation.copied(held_out.hashes, train.hashes)
    return found
