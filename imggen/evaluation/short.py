"""The few numbers that tell many generators apart: a distance, coherence, variety, copies.

For a dozen trainings at once, where `imggen evaluate` would take minutes for each.
"""

from __future__ import annotations

from imggen.evaluation.catalogue import Entries, Found, entries
from imggen.evaluation.measure import K_BALLS, K_MANIFOLD, attempt
from imggen.features.sets import Features
from imggen.metrics import frechet, memorisation, neighbours

SHORT = ("frechet_distance", "precision", "recall", "coverage")
"""Metrics that need no training images."""


def short(real: Features, fake: Features) -> Found:
    """Fréchet distance, precision, recall and coverage of generated samples against real ones.

    Features (n, d) of each; the values of `evaluation/measure.py` at the same samples.

    Raises: ValueError for too few samples.
    """
    near = neighbours.neighbourhoods(real.values, fake.values, K_MANIFOLD, K_BALLS).estimates()
    found: Found = {"frechet_distance": frechet.estimate(real.values, fake.values), **near}
    return {name: found[name] for name in SHORT}


def short_scores(real: Features, fake: Features, train: Features) -> Entries:
    """The short list, and how many samples lie nearer to a training image than real ones do.

    Raises: ValueError for too few samples.
    """
    near = [memorisation.nearest(x.values, train.values) for x in (fake, real)]
    copies = attempt(lambda: memorisation.near_copies(near[0], near[1]))
    return entries(short(real, fake) | {"near_copies": copies})
