"""What can be scored: sets of images, and sets of features that somebody extracted before."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from imggen import data, published
from imggen.data import DATASETS, Images
from imggen.errors import UserError
from imggen.folders import find_images
from imggen.metrics.arrays import Array


class ImageSet(Protocol):
    """Images in memory (`data.Images`) or on disk (`folders.ImageFiles`)."""

    @property
    def name(self) -> str: ...
    @property
    def split(self) -> str: ...
    @property
    def shape(self) -> tuple[int, int, int]: ...
    @property
    def labels(self) -> Tensor | None: ...
    @property
    def classes(self) -> tuple[str, ...]: ...
    def __len__(self) -> int: ...
    def subset(self, index: Tensor) -> ImageSet: ...
    def blocks(self) -> Iterator[Tensor]: ...


@dataclass(frozen=True)
class GivenFeatures:
    """Features (n, d) from a .npy file."""

    name: str
    values: Array
    split: str = "all"

    def __len__(self) -> int:
        return len(self.values)


AnySet = ImageSet | GivenFeatures


def digests(images: ImageSet) -> list[bytes]:
    """A hash of each image's pixels, in order; one pass over the set."""
    return [
        hashlib.blake2b(row.data, digest_size=16).digest()
        for block in images.blocks()
        for row in block.flatten(1).numpy()
    ]


def choose(hashes: list[bytes], n: int, seed: int) -> Tensor:
    """Indices of `n` images without repetition, sorted by content, whatever the order of files."""
    ordered = np.array(sorted(range(len(hashes)), key=hashes.__getitem__))
    if n < len(ordered):
        kept = np.random.default_rng(seed).choice(len(ordered), n, replace=False)
        ordered = ordered[np.sort(kept)]
    return torch.from_numpy(ordered)


def resolve(text: str, root: Path | None = None) -> ImageSet | GivenFeatures:
    """Images from NAME:SPLIT (mnist:test), a folder, or a .npy / .npz file; features from a .npy.

    Raises: UserError when it is none of these.
    """
    path = Path(text)
    name, _, split = text.partition(":")
    if not path.exists() and (name in DATASETS or (split and "/" not in name and "." not in name)):
        return data.load(name, split or "test", root)  # an unknown name lists those there are
    if path.is_dir():
        return find_images(path)
    if path.suffix == ".npy" and (features := _features(path)) is not None:
        return features
    return data.read_images(path)


def _features(path: Path) -> GivenFeatures | None:
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None  # the reader of images says what is wrong
    is_features = array.ndim == 2 and np.issubdtype(array.dtype, np.floating)
    return GivenFeatures(str(path), array) if is_features else None


def resolve_fake(
    text: str, n: int, root: Path | None, seed: int, docs: Path | None = None
) -> ImageSet | GivenFeatures:
    """As `resolve`, and a run directory or published slug, whose generator draws `n` images."""
    is_run = (Path(text) / "manifest.json").is_file()
    if is_run or (not Path(text).exists() and ":" not in text and text not in DATASETS):
        return published.sample_images(text, n, seed, docs)
    return resolve(text, root)


def training_split(text: str, root: Path | None) -> Images | None:
    """The training split for NAME:test, None for anything else."""
    name, _, split = text.partition(":")
    if name in DATASETS and name != "folder" and split == "test" and not Path(text).exists():
        return data.load(name, "train", root)
    return None


def refuse_unlike(first: ImageSet | GivenFeatures, second: ImageSet | GivenFeatures) -> None:
    """Raises UserError when one set holds images and the other features."""
    if isinstance(first, GivenFeatures) != isinstance(second, GivenFeatures):
        raise UserError(
            f"One of {first.name} and {second.name} holds features and the other images: give two "
            "sets of images, or two .npy files of features from the same extractor."
        )
