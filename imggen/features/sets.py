"""Sets of features, and what can be compared with what."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from imggen.data.images import ImageSet
from imggen.metrics.arrays import Array
from imggen.system.errors import UserError


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


@dataclass(frozen=True)
class Features:
    """One set's features (n, d), logits (n, classes) or None, and where they come from."""

    values: Array
    logits: Array | None
    source: dict[str, Any]
    hashes: list[bytes] = field(default_factory=list)
    """One for each image's pixels, empty for features without images."""

    def subset(self, index: Any) -> Features:
        """The samples at `index`, an array of numbers."""
        logits = None if self.logits is None else self.logits[index]
        hashes = [self.hashes[i] for i in index] if self.hashes else []
        return replace(self, values=self.values[index], logits=logits, hashes=hashes)
