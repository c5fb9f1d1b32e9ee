"""Scores of generated images against real ones: what `imggen evaluate` and every page reports."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from imggen import data, published
from imggen.data import DATASETS, Images
from imggen.errors import UserError
from imggen.metrics import classifier, frechet, kid, neighbours
from imggen.metrics import features as extractors
from imggen.metrics.arrays import Array
from imggen.metrics.bootstrap import REPLICATES, interval, share_interval
from imggen.metrics.features import INCEPTION_FILE, Extractor

SAMPLES = 10_000
"""At most so many images of each set are compared, the same number of both."""
SEED = 0

BETTER = {
    "frechet_distance": "lower",
    "kid": "lower",
    "precision": "higher",
    "recall": "higher",
    "density": "higher",
    "coverage": "higher",
    "classifier_score": "higher",
}


@dataclass(frozen=True)
class Features:
    """One set's features (n, d), logits (n, classes) or None, and where they come from."""

    values: Array
    logits: Array | None
    source: dict[str, Any]


def order_by_content(images: Images) -> Images:
    """The same images in the order of their hashes, so that file order changes no number."""
    flat = images.pixels.flatten(1).numpy()
    digests = [hashlib.blake2b(row.data, digest_size=16).digest() for row in flat]
    return images.subset(torch.tensor(sorted(range(len(digests)), key=digests.__getitem__)))


def choose(images: Images, n: int, seed: int) -> Images:
    """`n` of the images without repetition, drawn by `seed`, whatever their order."""
    ordered = order_by_content(images)
    if n >= len(ordered):
        return ordered
    index = np.random.default_rng(seed).choice(len(ordered), n, replace=False)
    return ordered.subset(torch.from_numpy(np.sort(index)))


def choose_extractor(name: str, real: Images, weights: Path | None = None) -> Extractor:
    """The extractor called `name`; `auto` is lenet for grey 28x28 images, else inception if its
    weights are there, else pixels.

    Raises: UserError for an unknown name or missing weights.
    """
    cached = Path(torch.hub.get_dir()) / "checkpoints" / INCEPTION_FILE
    if name == "auto" and real.shape == (1, 28, 28):
        name = "lenet"
    elif name == "auto":
        name = "inception" if weights is not None or cached.is_file() else "pixels"
    try:
        if name == "lenet":
            return extractors.lenet_extractor()
        if name == "pixels":
            return extractors.pixels_extractor(real.shape)
        if name == "inception":
            return extractors.inception_extractor(weights)
        if Path(name).suffix in (".pt", ".pth"):
            return extractors.inception_extractor(Path(name))
    except ValueError as error:
        raise UserError(str(error)) from error
    raise UserError(
        f"Unknown features {name!r}: choose lenet, inception, pixels, or a file of Inception "
        "weights (.pth)."
    )


def extract(extractor: Extractor, images: Images, role: str) -> Features:
    """Features of a set, with a progress bar on a terminal."""
    if extractor.name == "pixels" and int(np.prod(images.shape)) != extractor.dim:
        raise UserError(
            f"The images of {images.name} are {images.shape} (channels, height, width) and do not "
            "match the others: resize or convert one set, or use --features lenet or inception."
        )
    with tqdm(
        total=len(images), desc=role, unit=" images", leave=False, disable=not sys.stderr.isatty()
    ) as bar:
        values, logits = extractors.extract(extractor, images.pixels, bar.update)
    source = {
        "name": images.name,
        "split": images.split,
        "n": len(images),
        "sha256": images.sha256,
        "shape": list(images.shape),
    }
    return Features(values, logits, source)


def measure(real: Features, fake: Features) -> dict[str, dict[str, Any]]:
    """Each metric's value and 95 % interval.

    Raises: UserError with the metric's own sentence for bad features.
    """
    try:
        return _measure(real, fake)
    except ValueError as error:
        raise UserError(str(error)) from error


def _measure(real: Features, fake: Features) -> dict[str, dict[str, Any]]:
    results: dict[str, dict[str, Any]] = {}

    def put(name: str, value: float, bounds: tuple[float, float]) -> None:
        results[name] = {"value": value, "interval": list(bounds), "better": BETTER[name]}

    x, y = real.values, fake.values
    distance = frechet.frechet_distance(x, y)
    put("frechet_distance", distance, interval(distance, *frechet.influences(x, y)))
    kernel_distance, *influences = kid.kid_with_influences(x, y)
    put("kid", kernel_distance, interval(kernel_distance, *influences))
    found = neighbours.neighbourhoods(x, y)
    put("precision", found.precision, share_interval(found.in_real))
    put("recall", found.recall, share_interval(found.in_fake))
    put("density", found.density, interval(found.density, found.balls))
    put("coverage", found.coverage, share_interval(found.covered))
    if fake.logits is None:
        results["classifier_score"] = {
            "value": None,
            "interval": None,
            "better": BETTER["classifier_score"],
            "note": "these features have no classifier",
        }
    else:
        score = classifier.classifier_score(fake.logits)
        influence = classifier.influences(fake.logits)
        put("classifier_score", score, interval(score, influence))
    return results


def evaluate(
    real: Images,
    fake: Images,
    floor: Images | None = None,
    features: str = "auto",
    n: int = SAMPLES,
    inception_weights: Path | None = None,
    seed: int = SEED,
) -> dict[str, Any]:
    """Every metric of `fake` against `real`, as DESIGN § 7 lays metrics.json out.

    `floor` holds other real images (the training split, say): the same metrics between them and
    `real` say what a perfect generator would get at this n. At most `n` images of each set are
    used, the same number of all (0: as many as the smaller one holds).

    Raises: UserError for sets that can't be compared.
    """
    size = min(len(real), len(fake), n or sys.maxsize)
    extractor = choose_extractor(features, real, inception_weights)
    sets = {"real": choose(real, size, seed), "generated": choose(fake, size, seed)}
    real_features = extract(extractor, sets["real"], "real")
    fake_features = extract(extractor, sets["generated"], "generated")
    metrics = measure(real_features, fake_features)
    result = {
        "metrics": metrics,
        "real": real_features.source,
        "fake": fake_features.source,
        "features": extractor.describe(),
        "protocol": {
            "n": size,
            "seed": seed,
            "k_precision_recall": 3,
            "k_density_coverage": 5,
            "interval": f"95 %, {REPLICATES} bootstrap replicates of influences; shares: Wilson",
        },
        "warnings": warnings_for(size, real, fake, extractor),
    }
    if floor is not None:
        other = extract(extractor, choose(floor, size, seed), "floor")
        for name, entry in measure(real_features, other).items():
            metrics[name]["floor"] = entry["value"]
            metrics[name]["floor_interval"] = entry["interval"]
        result["floor"] = other.source
    return result


def warnings_for(n: int, real: Images, fake: Images, extractor: Extractor) -> list[str]:
    """What a reader must know before believing the numbers."""
    warnings = []
    if n <= extractor.dim:
        warnings.append(
            f"n = {n} is not above the {extractor.dim} feature dimensions: covariances are "
            "singular and the Fréchet distance is badly biased upwards; trust KID more."
        )
    if len(real) != len(fake):
        warnings.append(
            f"{len(real)} real and {len(fake)} generated images were given; {n} of each were used."
        )
    if real.shape != fake.shape:
        warnings.append(
            f"Real images are {real.shape} and generated ones {fake.shape}; both were prepared as "
            f"{extractor.name} needs ({extractor.preparation})."
        )
    if extractor.name == "lenet" and not real.name.startswith("mnist"):
        warnings.append("lenet has only seen MNIST digits: its features may miss what matters.")
    return warnings


def resolve(text: str, root: Path | None = None) -> Images:
    """Images from NAME:SPLIT (mnist:test), a folder of images, or a .npy / .npz file.

    Raises: UserError when it is none of these.
    """
    name, _, split = text.partition(":")
    if name in DATASETS and not Path(text).exists():
        return data.load(name, split or "test", root)
    if split and not Path(text).exists() and "/" not in name and "." not in name:
        return data.load(name, split, root)  # unknown dataset: let it say which there are
    return data.read_images(Path(text))


def resolve_fake(
    text: str, n: int, root: Path | None, seed: int, docs: Path | None = None
) -> Images:
    """As `resolve`, and a run directory or published slug, whose generator draws `n` images."""
    is_run = (Path(text) / "manifest.json").is_file()
    if is_run or (not Path(text).exists() and ":" not in text and text not in DATASETS):
        return published.sample_images(text, n, seed, docs)
    return resolve(text, root)


def other_split(text: str, root: Path | None) -> Images | None:
    """The training split for NAME:test and the other way round: the floor of a dataset."""
    name, _, split = text.partition(":")
    opposite = {"test": "train", "train": "test"}.get(split)
    if name in DATASETS and name != "folder" and opposite and not Path(text).exists():
        return data.load(name, opposite, root)
    return None


def table(result: dict[str, Any], write: Callable[[str], None] = print) -> None:
    """Prints a result for people."""
    real, fake, protocol = result["real"], result["fake"], result["protocol"]
    write(f"real       {real['name']}:{real['split']}")
    write(f"generated  {fake['name']}:{fake['split']}")
    write(f"features   {result['features']['name']}  ({result['features']['preparation']})")
    write(f"n          {protocol['n']} of each")
    has_floor = "floor" in result
    write("")
    header = f"{'metric':<18}{'value':>10}   {'95 % interval':<22}"
    write(header + (f"{'floor':>10}   " if has_floor else "") + "better")
    for name, entry in result["metrics"].items():
        if entry["value"] is None:
            write(f"{name:<18}{'-':>10}   {entry['note']}")
            continue
        low, high = entry["interval"]
        bounds = f"[{number(low)}, {number(high)}]"
        line = f"{name:<18}{number(entry['value']):>10}   {bounds:<22}"
        line += f"{number(entry['floor']):>10}   " if has_floor else ""
        write(line + entry["better"])
    if has_floor:
        write(f"\nfloor: {result['floor']['name']}:{result['floor']['split']} against the real set")
    for warning in result["warnings"]:
        write(f"warning: {warning}")


def number(value: float) -> str:
    """Four significant digits, never in scientific notation."""
    if abs(value) >= 1000:
        return f"{value:.0f}"
    digits = 3 if value == 0 else max(0, min(6, 3 - int(np.floor(np.log10(abs(value))))))
    return f"{value:.{digits}f}"
