"""Published generators side by side: the same test images, the same features, paired tests.

Whether two intervals overlap says little about the difference of the two values: both come from the
same test images, whose choice moves them alike. The tests here subtract before they judge.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import NamedTuple, TypedDict

from imggen.data.datasets import DataConfig
from imggen.data.images import Images
from imggen.evaluation.catalogue import METRICS, TITLES, Entries, Found, entries
from imggen.evaluation.comparison import CONFIDENT, comparisons
from imggen.evaluation.evaluate import LEAST
from imggen.evaluation.measure import K_BALLS, K_MANIFOLD
from imggen.evaluation.protocol import SAMPLES, SEED
from imggen.features.extract import choose_extractor, extract
from imggen.features.extractors import Description
from imggen.features.sets import Features, Source
from imggen.metrics import frechet, kid, neighbours
from imggen.metrics.certainty.many import holm
from imggen.runs.places import find
from imggen.runs.restore import recorded_data, sample_images
from imggen.runs.settings import Manifest
from imggen.system.errors import UserError
from imggen.system.files import Json, read_json

SHOWN = tuple(name for name in METRICS if TITLES[name].place == "overview")
"""The metrics of the table of all experiments."""


class Row(TypedDict):
    """One generator."""

    name: str
    title: str
    metrics: Entries
    parameters: int
    training_flops: float
    network_passes: float
    flops_per_image: float


class Difference(TypedDict):
    """Two generators in one metric."""

    metric: str
    first: str
    second: str
    difference: float
    """First minus second."""
    interval: list[float]
    p_value: float
    """Two-sided, paired in the test images."""
    corrected: float
    """The p-value after Holm, for all pairs in this metric."""
    better: str | None
    """The better one, where the difference is larger than chance."""


class Paired(TypedDict):
    """What `imggen compare --json` prints."""

    generators: list[Row]
    floor: Entries
    differences: list[Difference]
    real: Source
    features: Description
    protocol: dict[str, int]


class Candidate(NamedTuple):
    """A generator that is asked to be compared."""

    name: str
    manifest: Manifest


def compare(
    names: Sequence[str],
    n: int = SAMPLES,
    seed: int = SEED,
    root: Path | None = None,
    docs: Path | None = None,
) -> Paired:
    """Scores of published generators (or run directories), and which differ by more than chance.

    At most `n` test images are compared with as many samples of each; 0 takes all.

    Raises: UserError for names that can't be compared.
    """
    found = candidates(names, docs)
    if 0 < n < LEAST:
        raise UserError(f"--n is {n}: scores need {LEAST} samples or more.")
    train, test = (data_of(found[0], root).load(split) for split in (None, "test"))
    size = min(len(test), len(train), n or sys.maxsize)
    extractor = choose_extractor("auto", test)

    def features(images: Images, role: str) -> Features:
        return extract(extractor, images, size, seed, role)

    real = features(test, "real")
    floor, scores = scored(real, features(train, "training")), {}
    for number, (name, _) in enumerate(found, 1):
        print(f"{number} of {len(found)}: {size:,} samples of {name}", file=sys.stderr, flush=True)
        images = sample_images(name, size, seed, docs, root=root)
        scores[name] = scored(real, features(images, "generated"))
    return {
        "generators": [row(name, manifest, scores[name]) for name, manifest in found],
        "floor": entries(floor),
        "differences": differences(scores),
        "real": real.source,
        "features": extractor.describe(),
        "protocol": {"n": size, "seed": seed},
    }


def candidates(names: Sequence[str], docs: Path | None) -> list[Candidate]:
    """The generators that are named, with their manifests.

    Raises: UserError for fewer than two, for one named twice, for an unknown name, and for
    generators of different data.
    """
    if len(names) < 2:
        given = f"only {names[0]}" if names else "nothing"
        raise UserError(f"imggen compare was given {given}: name two published slugs or more.")
    twice = sorted({name for name in names if list(names).count(name) > 1})
    if twice:
        raise UserError(f"{', '.join(twice)} is named twice: name each generator once.")
    found = [Candidate(name, read_json(find(name, docs) / "manifest.json")) for name in names]
    first = found[0]
    for other in found[1:]:
        if told(first) != told(other) or pixels(first) != pixels(other):
            same = ", of other pixels" if told(first) == told(other) else ""
            raise UserError(
                f"{first.name} was trained on {told(first)} and {other.name} on {told(other)}"
                f"{same}: name generators of the same images."
            )
    return found


def told(candidate: Candidate) -> str:
    """What a generator was trained on, as people write it: mnist:train.

    Raises: UserError for a manifest that does not say.
    """
    dataset = _dataset(candidate)
    return f"{dataset.get('name')}:{dataset.get('split')}"


def pixels(candidate: Candidate) -> object:
    """The hash of the pixels that a generator was trained on."""
    return _dataset(candidate).get("sha256")


def _dataset(candidate: Candidate) -> Json:
    dataset = candidate.manifest.get("dataset")
    if not isinstance(dataset, dict):
        raise UserError(f"The manifest of {candidate.name} does not say what it was trained on.")
    return dataset


def data_of(candidate: Candidate, root: Path | None) -> DataConfig:
    """The data of a generator's manifest, below `root`. Raises: UserError for a damaged one."""
    try:
        return recorded_data(candidate.manifest, root)
    except (KeyError, TypeError) as error:
        raise UserError(
            f"The manifest of {candidate.name} is not whole ({type(error).__name__}: {error})."
        ) from error


def scored(real: Features, fake: Features) -> Found:
    """The metrics of the table, each with the values of `evaluation/measure.py`.

    Raises: UserError for sets that a metric can't take.
    """
    x, y = real.values, fake.values
    try:
        found: Found = {"frechet_distance": frechet.estimate(x, y), "kid": kid.estimate(x, y)}
        found |= neighbours.neighbourhoods(x, y, K_MANIFOLD, K_BALLS).estimates()
    except ValueError as error:
        raise UserError(str(error)) from error
    return {name: found[name] for name in SHOWN}


def row(name: str, manifest: Manifest, found: Found) -> Row:
    """A generator with its scores and what its manifest says about cost."""
    sampling = manifest.get("sampling", {})
    return {
        "name": name,
        "title": manifest.get("title", name),
        "metrics": entries(found),
        "parameters": manifest.get("parameters", 0),
        "training_flops": manifest.get("training_flops", 0.0),
        "network_passes": sampling.get("network_passes", 0.0),
        "flops_per_image": sampling.get("flops_per_image", 0.0),
    }


def differences(scores: dict[str, Found]) -> list[Difference]:
    """Metric by metric, each pair; p-values corrected for the number of pairs."""
    pairs = list(combinations(scores, 2))
    tests = [comparisons(scores[a], scores[b], None) for a, b in pairs]
    made: list[Difference] = []
    for name in SHOWN:
        able = [(pair, test[name]) for pair, test in zip(pairs, tests, strict=True) if name in test]
        corrected = holm([test["p_value"] for _, test in able])
        for ((first, second), test), p_value in zip(able, corrected, strict=True):
            ahead = {"first": first, "second": second}.get(test["better"])
            made.append(
                {
                    "metric": name,
                    "first": first,
                    "second": second,
                    "difference": test["difference"],
                    "interval": test["interval"],
                    "p_value": test["p_value"],
                    "corrected": p_value,
                    "better": ahead if p_value < CONFIDENT else None,
                }
            )
    return made
