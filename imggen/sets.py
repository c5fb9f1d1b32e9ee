"""What can be scored: sets of images, and sets of features that somebody extracted before."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from imggen import data, published
from imggen.data import DATASETS, Images
from imggen.errors import UserError
from imggen.folders import find_images
from imggen.metrics.arrays import Array, check_one


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
    @property
    def hashes(self) -> list[bytes]: ...
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

    @cached_property
    def hashes(self) -> list[bytes]:
        """A hash of each row."""
        return [hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in self.values]


AnySet = ImageSet | GivenFeatures


def choose(hashes: list[bytes], n: int, seed: int, among_sorted: bool = False) -> Tensor:
    """Indices of `n` images without repetition, sorted by content, whatever the order of files.

    With `among_sorted` they are places in the sorted order instead of the given one.
    """
    ordered = np.arange(len(hashes))
    if not among_sorted:
        ordered = np.array(sorted(range(len(hashes)), key=hashes.__getitem__))
    if n < len(ordered):
        kept = np.random.default_rng(seed).choice(len(ordered), n, replace=False)
        ordered = ordered[np.sort(kept)]
    return torch.from_numpy(ordered)


def resolve(text: str, root: Path | None = None) -> ImageSet | GivenFeatures:
    """Images from NAME:SPLIT (mnist:test), a folder, or a .npy / .npz file; features from a .npy.

    Raises: UserError when it is none of these.
    """
    if not text.strip():
        raise UserError(
            "An empty name is no set: give a folder, a .npy or .npz file, or NAME:SPLIT."
        )
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
    if array.ndim != 2 or array.dtype == np.uint8:
        return None
    try:
        return GivenFeatures(str(path), check_one(array, str(path), least=1))
    except ValueError as error:
        raise UserError(str(error)) from error


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


def refuse_unlike(first: AnySet, second: AnySet) -> None:
    """Raises UserError when one set holds images and the other features, or unlike features."""
    if isinstance(first, GivenFeatures) != isinstance(second, GivenFeatures):
        raise UserError(
            f"One of {first.name} and {second.name} holds features and the other images: give two "
            "sets of images, or two .npy files of features from the same extractor."
        )
    if isinstance(first, GivenFeatures) and isinstance(second, GivenFeatures):
        dims = first.values.shape[1], second.values.shape[1]
        if dims[0] != dims[1]:
            raise UserError(
                f"{first.name} has {dims[0]} dimensions and {second.name} {dims[1]}: extract both "
                "with the same extractor."
            )
