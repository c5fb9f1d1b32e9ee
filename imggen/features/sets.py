"""A set of features, and what can be compared with what."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from imggen.data.images import ImageSet
from imggen.metrics.arrays import Array, check_one
from imggen.system.errors import UserError

Source = dict[str, str | int | list[int]]
"""Where features come from, as metrics.json holds it."""


@dataclass(frozen=True)
class Features:
    """One set's features (n, d) in the order of their content, and what they were made from."""

    name: str
    split: str
    values: Array
    hashes: list[bytes]
    """One for each image's pixels; of features that somebody else extracted, for each row."""
    total: int
    """How many the whole set holds, of which these were chosen."""
    logits: Array | None = None
    """(n, classes), of extractors that are classifiers."""
    class_names: tuple[str, ...] = ()
    """Of the logits, where the extractor knows them."""
    images: ImageSet | None = None
    """The same images in the same order, None for features that somebody else extracted."""

    def __len__(self) -> int:
        return len(self.values)

    @property
    def source(self) -> Source:
        """What metrics.json records."""
        content = hashlib.sha256(b"".join(self.hashes)).hexdigest()
        found: Source = {"name": self.name, "split": self.split, "n": len(self), "sha256": content}
        if self.images is not None:
            found["shape"] = list(self.images.shape)
        return found

    def subset(self, index: npt.NDArray[np.integer]) -> Features:
        """The samples at `index` (k,), an array of whole numbers."""
        return replace(
            self,
            values=self.values[index],
            hashes=[self.hashes[i] for i in index],
            logits=None if self.logits is None else self.logits[index],
            images=None if self.images is None else self.images.subset(torch.from_numpy(index)),
        )


AnySet = ImageSet | Features


def read_features(path: Path) -> Features | None:
    """Features (n, d) from a .npy file; None when it holds something else.

    Raises: UserError for features that no metric can take.
    """
    try:
        array = np.load(path, allow_pickle=False)
    except Exception:  # numpy parses headers as Python: damaged ones raise many kinds
        return None  # the reader of images says what is wrong
    if array.ndim != 2 or array.dtype == np.uint8:
        return None
    try:
        values = check_one(array, str(path), least=1)
    except ValueError as error:
        raise UserError(str(error)) from error
    hashes = [hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in values]
    return Features(str(path), "all", values, hashes, total=len(values))


def refuse_unlike(first: AnySet, second: AnySet) -> None:
    """Raises UserError when one set holds images and the other features, or unlike features."""
    if isinstance(first, Features) != isinstance(second, Features):
        raise UserError(
            f"One of {first.name} and {second.name} holds features and the other images: give two "
            "sets of images, or two .npy files of features from the same extractor."
        )
    if isinstance(first, Features) and isinstance(second, Features):
        dims = first.values.shape[1], second.values.shape[1]
        if dims[0] != dims[1]:
            raise UserError(
                f"{first.name} has {dims[0]} dimensions and {second.name} {dims[1]}: extract both "
                "with the same extractor."
            )
