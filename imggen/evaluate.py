"""Scores of generated images against real ones: what `imggen evaluate` and every page reports."""

from __future__ import annotations

import hashlib
import io
import os
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from imggen.errors import UserError
from imggen.files import write_bytes
from imggen.measures import (
    K_BALLS,
    K_MANIFOLD,
    Features,
    Found,
    entries,
    measure,
    measure_copies,
    measure_copies_of_real,
)
from imggen.metrics import features as extractors
from imggen.metrics.bootstrap import REPLICATES, Estimate, compare
from imggen.metrics.features import INCEPTION_FILE, Extractor
from imggen.metrics.halves import CUTS
from imggen.provenance import MEASURES, source_hash
from imggen.sets import AnySet, GivenFeatures, ImageSet, choose, digests, refuse_unlike
from imggen.stacked import NAME as STACKED
from imggen.stacked import measure_modes
from imggen.usefulness import labelled, measure_utility

SAMPLES = 10_000
"""At most so many images of each set are compared, the same number of both."""
SEED = 0
CONFIDENT = 0.05
"""Two generators differ when the p-value of their comparison is below."""


def choose_extractor(name: str, real: ImageSet, weights: Path | None = None) -> Extractor:
    """The extractor called `name`; `auto` is lenet for grey 28x28 images, else inception if its
    weights are there, else colour for RGB images, else pixels.

    Raises: UserError for an unknown name or missing weights.
    """
    cached = Path(torch.hub.get_dir()) / "checkpoints" / INCEPTION_FILE
    if name == "auto" and real.shape == (1, 28, 28):
        name = "lenet"
    elif name == "auto":
        other = "colour" if real.shape[0] == 3 else "pixels"
        name = "inception" if weights is not None or cached.is_file() else other
    try:
        if name == "lenet":
            return extractors.lenet_extractor()
        if name == "colour":
            return extractors.colour_extractor()
        if name == "pixels":
            return extractors.pixels_extractor(real.shape)
        if name == "inception" or Path(name).suffix in (".pt", ".pth"):
            return extractors.inception_extractor(Path(name) if "." in name else weights)
        if name in extractors.fidelity_names():
            if weights is None and not extractors.from_hub(name):
                raise UserError(f"--features {name} needs its weights file: name it by --weights.")
            return extractors.fidelity_extractor(name, weights)
    except ValueError as error:
        raise UserError(str(error)) from error
    raise UserError(
        f"Unknown features {name!r}: choose lenet, colour, inception, pixels, a file of Inception "
        f"weights (.pth), or with --weights one of {', '.join(extractors.fidelity_names())}."
    )


def extract(
    extractor: Extractor | None, given: AnySet, n: int, seed: int, role: str, cache: bool = False
) -> Features:
    """Features of `n` of a set's images in the order of their content, whatever that of the files.

    With `cache` they are kept in, and taken from, the user's cache folder, by content.

    Raises: UserError when the extractor can't take these images.
    """
    if isinstance(given, GivenFeatures):
        return _given(given, n, seed)
    assert extractor is not None
    if extractor.name == "pixels" and int(np.prod(given.shape)) != extractor.dim:
        raise UserError(
            f"The images of {given.name} are {given.shape} (channels, height, width) and do not "
            "match the others: resize or convert one set, or use --features lenet or inception."
        )
    hashes = digests(given)
    index = choose(hashes, n, seed)
    chosen, kept = given.subset(index), [hashes[i] for i in index.tolist()]
    content = hashlib.sha256(b"".join(kept)).hexdigest()
    source = {"name": given.name, "split": given.split, "n": len(kept), "sha256": content}
    source["shape"] = list(given.shape)
    path = cache_file(extractor, content)
    arrays = _read_cache(path) if cache else None
    if arrays is None:
        with tqdm(
            total=len(kept), desc=role, unit=" images", leave=False, disable=not sys.stderr.isatty()
        ) as bar:
            arrays = extractors.extract(extractor, chosen.blocks(), len(kept), bar.update)
        if cache:
            _write_cache(path, *arrays)
    return Features(arrays[0], arrays[1], source, kept)


def _given(given: GivenFeatures, n: int, seed: int) -> Features:
    rows = [hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in given.values]
    index = choose(rows, n, seed).numpy()
    kept = [rows[i] for i in index]
    content = hashlib.sha256(b"".join(kept)).hexdigest()
    source = {"name": given.name, "split": given.split, "n": len(kept), "sha256": content}
    return Features(given.values[index], None, source)


def cache_file(extractor: Extractor, content: str) -> Path:
    """Where features of images with this content lie: below $XDG_CACHE_HOME/imggen."""
    what = f"{extractor.name} {extractor.sha256} {extractor.preparation} {content}"
    root = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return root / "imggen" / "features" / f"{hashlib.sha256(what.encode()).hexdigest()}.npz"


def _read_cache(path: Path) -> tuple[np.ndarray, np.ndarray | None] | None:
    try:
        with np.load(path, allow_pickle=False) as stored:
            return stored["values"], stored.get("logits")
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
        return None  # absent or damaged: extracted again


def _write_cache(path: Path, values: np.ndarray, logits: np.ndarray | None) -> None:
    buffer = io.BytesIO()
    if logits is None:
        np.savez(buffer, values=values)
    else:
        np.savez(buffer, values=values, logits=logits)
    try:
        write_bytes(path, buffer.getvalue())
    except OSError as error:
        print(f"features are not kept for the next time ({error})", file=sys.stderr)


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
    if utility:
        for given_set in (real, fake):
            labelled(given_set, 1, seed)
    others = [given for given in (fake, train, against) if given is not None]
    for other in others:
        refuse_unlike(real, other)
    size = min([len(given) for given in (real, *others)] + [n or sys.maxsize])
    given = isinstance(real, GivenFeatures)
    extractor = None if given else choose_extractor(features, real, weights)  # type: ignore[arg-type]
    held_out = extract(extractor, real, size, seed, "real", cache)
    generated = extract(extractor, fake, size, seed, "generated")
    found, floor = measure(held_out, generated), None
    result: dict[str, Any] = {"real": held_out.source, "fake": generated.source}
    seen = None
    if train is not None:
        part = extract(extractor, train, size, seed, "floor", cache)
        seen = extract(extractor, train, len(train), seed, "training", cache)
        floor = measure(held_out, part) | measure_copies_of_real(held_out, seen)
        found |= measure_copies(generated, held_out, seen)
        result |= {"floor": part.source, "train": seen.source}
    found |= by_images(real, fake, size, seed, utility)
    if floor is not None and train is not None:
        teachable = not isinstance(train, GivenFeatures) and train.labels is not None
        floor |= by_images(real, train, size, seed, utility and teachable)
    result["metrics"] = entries(found, floor)
    if against is not None:
        second = extract(extractor, against, size, seed, "second")
        rival = measure(held_out, second) | by_images(real, against, size, seed, False)
        if seen is not None:
            rival |= measure_copies(second, held_out, seen)
        result["against"] = {**second.source, "metrics": entries(rival)}
        result["comparison"] = comparisons(found, rival, floor)
    result["features"] = (
        extractor.describe() if extractor else {"name": "given", "dim": held_out.values.shape[1]}
    )
    result["protocol"] = protocol(size, seed)
    result["warnings"] = warnings_for(size, real, fake, extractor, held_out.values.shape[1])
    return {"metrics": result.pop("metrics"), **result}


def by_images(real: AnySet, fake: AnySet, n: int, seed: int, utility: bool) -> Found:
    """The metrics that look at images, not at features: modes of stacked digits, and utility."""
    found = measure_modes(real, fake, n, seed) if real.name == STACKED else {}
    return found | (measure_utility(real, fake, n, seed) if utility else {})


def protocol(n: int, seed: int) -> dict[str, Any]:
    """The settings that a value depends on."""
    return {
        "n": n,
        "seed": seed,
        "k_precision_recall": K_MANIFOLD,
        "k_density_coverage": K_BALLS,
        "code": source_hash(MEASURES),
        "interval": f"95 %: {REPLICATES} bootstrap replicates of influences; neighbours and PRD: "
        f"{CUTS} cuts into halves; shares: Wilson",
    }


def comparisons(first: Found, second: Found, floor: Found | None) -> dict[str, dict[str, Any]]:
    """By metric: the difference of two generators, its interval and p-value, and which is better.

    Raises nothing: a metric that one of them lacks is left out.
    """
    rows: dict[str, dict[str, Any]] = {}
    for name, row in entries(first).items():
        a, b = first[name], second.get(name)
        if not isinstance(a, Estimate) or not isinstance(b, Estimate):
            continue
        found, real = compare(a, b), (floor or {}).get(name)
        gain = found.difference if row["better"] == "higher" else -found.difference
        better = "first" if gain > 0 else "second"
        if row["better"] == "floor":
            better = "differs"
            if isinstance(real, Estimate):
                above = a.value - real.value, b.value - real.value
                # On the same side of the real value, the nearer one is better.
                if above[0] * above[1] > 0:
                    better = "first" if abs(above[0]) < abs(above[1]) else "second"
        better = "undecided" if found.p_value >= CONFIDENT else better
        rows[name] = {
            "difference": found.difference,
            "interval": list(found.interval),
            "p_value": found.p_value,
            "better": better,
        }
    return rows


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
