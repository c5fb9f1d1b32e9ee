"""Images in memory, and what any set of images can be asked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from torch import Tensor


class ImageSet(Protocol):
    """Images in memory (`Images`) or on disk (`files.ImageFiles`)."""

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


@dataclass(frozen=True)
class Images:
    """A dataset's split: `pixels` uint8 (N, C, H, W), `labels` int64 (N,) or None."""

    name: str
    split: str
    pixels: Tensor
    labels: Tensor | None
    classes: tuple[str, ...] = ()
    sources: Tensor | None = None
    """uint8 (N, C', H', W'): the image that each one is made from (a label map), or None."""

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of one image."""
        channels, height, width = self.pixels.shape[1:]
        return channels, height, width

    def blocks(self, size: int = 250) -> Iterator[Tensor]:
        """The pixels in order, uint8 (size, C, H, W) each, the last one perhaps smaller."""
        yield from self.pixels.split(size)

    @cached_property
    def sha256(self) -> str:
        """Hexadecimal SHA-256 of the pixels' bytes in (N, C, H, W) order."""
        return hashlib.sha256(self.pixels.contiguous().numpy().data).hexdigest()

    @cached_property
    def conditions_sha256(self) -> str | None:
        """The same of labels and sources, None without either."""
        parts = [part for part in (self.labels, self.sources) if part is not None]
        content = b"".join(part.contiguous().numpy().tobytes() for part in parts)
        return hashlib.sha256(content).hexdigest() if parts else None

    @cached_property
    def hashes(self) -> list[bytes]:
        """A hash of each image's pixels, in order."""
        return pixel_hashes(self.blocks())

    def subset(self, index: Tensor | slice) -> Images:
        """The images (and labels) at `index`."""
        labels = None if self.labels is None else self.labels[index]
        sources = None if self.sources is None else self.sources[index]
        return replace(self, pixels=self.pixels[index], labels=labels, sources=sources)


def normalise(pixels: Tensor) -> Tensor:
    """uint8 [0, 255] -> float32 [-1, 1]."""
    return pixels.float() / 127.5 - 1


def to_uint8(x: Tensor) -> Tensor:
    """float [-1, 1] -> uint8 [0, 255], rounded to the nearest and clamped."""
    return ((x.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def concatenate(first: Images, second: Images) -> Images:
    """Two splits of the same dataset as one, called `all`."""

    def joined(a: Tensor | None, b: Tensor | None) -> Tensor | None:
        return None if a is None or b is None else torch.cat([a, b])

    return replace(
        first,
        split="all",
        pixels=torch.cat([first.pixels, second.pixels]),
        labels=joined(first.labels, second.labels),
        sources=joined(first.sources, second.sources),
    )


def pixel_hashes(blocks: Iterable[Tensor]) -> list[bytes]:
    """A hash of each image's pixels, in order."""
    return [
        hashlib.blake2b(row.data, digest_size=16).digest()
        for block in blocks
        for row in block.flatten(1).numpy()
    ]
