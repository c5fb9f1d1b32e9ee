"""From sets of images to features, by an extractor that suits them, kept for the next time."""

from __future__ import annotations

import hashlib
import io
import os
import sys
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from imggen.data.images import ImageSet, choose
from imggen.features import extractors, fidelity
from imggen.features.extractors import Extractor
from imggen.features.sets import AnySet, Features
from imggen.system.errors import UserError
from imggen.system.files import write_bytes

DAMAGED = (OSError, ValueError, EOFError, KeyError, TypeError, NotImplementedError, RuntimeError,
           zipfile.BadZipFile, zlib.error)  # fmt: skip
"""What numpy and zipfile raise for a file that is no (whole) cache file."""


def choose_extractor(name: str, real: ImageSet, weights: Path | None = None) -> Extractor:
    """The extractor called `name`; `auto` is inception with weights, else lenet for grey 28x28
    images, inception if its weights are in torch's cache, colour for RGB images, else pixels.

    Raises: UserError for an unknown name, missing weights, or weights that nothing reads.
    """
    cached = Path(torch.hub.get_dir()) / "checkpoints" / fidelity.INCEPTION_FILE
    if name == "auto" and weights is None and real.shape == (1, 28, 28):
        name = "lenet"
    elif name == "auto":
        other = "colour" if real.shape[0] == 3 else "pixels"
        name = "inception" if weights is not None or cached.is_file() else other
    if weights is not None and (name in ("lenet", "colour", "pixels") or "." in name):
        raise UserError(f"--weights {weights} is not for --features {name}: leave one of them out.")
    try:
        if name == "lenet":
            return extractors.lenet_extractor()
        if name == "colour":
            return extractors.colour_extractor()
        if name == "pixels":
            return extractors.pixels_extractor(real.shape)
        if name == "inception" or Path(name).suffix in (".pt", ".pth"):
            return fidelity.inception_extractor(Path(name) if "." in name else weights)
        if name in fidelity.names():
            if weights is None and not fidelity.from_hub(name):
                raise UserError(f"--features {name} needs its weights file: name it by --weights.")
            return fidelity.extractor(name, weights)
    except ValueError as error:
        raise UserError(str(error)) from error
    raise UserError(
        f"Unknown features {name!r}: choose lenet, colour, inception, pixels, a file of Inception "
        f"weights (.pth), or with --weights one of {', '.join(fidelity.names())}."
    )


def extract(
    extractor: Extractor | None, given: AnySet, n: int, seed: int, role: str, cache: bool = False
) -> Features:
    """Features of `n` of a set's images in the order of their content, whatever that of the files.

    With `cache` they are kept in, and taken from, the user's cache folder, by content.

    Raises: UserError when the extractor can't take these images.
    """
    hashes = given.hashes
    index = choose(hashes, n, seed)
    if isinstance(given, Features):
        return given.subset(index.numpy())
    assert extractor is not None
    kept = [hashes[i] for i in index.tolist()]
    chosen = given.subset(index)
    path = cache_file(extractor, hashlib.sha256(b"".join(kept)).hexdigest())
    arrays = _read_cache(path, (len(kept), extractor.dim)) if cache else None
    if arrays is None:
        with tqdm(
            total=len(kept), desc=role, unit=" images", leave=False, disable=not sys.stderr.isatty()
        ) as bar:
            arrays = extractors.extract(extractor, chosen.blocks(), len(kept), bar.update)
        if cache:
            _write_cache(path, *arrays)
    values, logits = arrays
    return Features(
        given.name,
        given.split,
        values,
        kept,
        total=len(given),
        logits=logits,
        class_names=extractor.class_names,
        images=chosen,
    )


def cache_file(extractor: Extractor, content: str) -> Path:
    """Where features of images with this content lie: below $XDG_CACHE_HOME/imggen."""
    what = f"{extractor.name} {extractor.sha256} {extractor.preparation} {content}"
    root = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return root / "imggen" / "features" / f"{hashlib.sha256(what.encode()).hexdigest()}.npz"


def _read_cache(path: Path, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray | None] | None:
    try:
        with np.load(path, allow_pickle=False) as stored:
            values, logits = stored["values"], stored.get("logits")
    except DAMAGED:
        return None  # absent or damaged: extracted again
    whole = values.shape == shape and np.isfinite(values).all()
    return (values, logits) if whole else None


def _write_cache(path: Path, values: np.ndarray, logits: np.ndarray | None) -> None:
    buffer = io.BytesIO()
    if logits is None:
        np.savez(buffer, values=values)
    else:
        np.savez(buffer, values=values, logits=logits)
    try:
        write_bytes(path, buffer.getvalue())
    except OSError as error:
        warnings.warn(f"Features are not kept for the next time ({error}).", stacklevel=2)
