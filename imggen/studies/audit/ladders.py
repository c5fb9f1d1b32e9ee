"""Ladders of damage: sets of real digits that get worse, one step at a time, in a known way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from imggen.data.images import Images
from imggen.studies.audit import damage


@dataclass(frozen=True)
class Config:
    """How much of MNIST the audit uses."""

    n: int = 2500
    """Images in each set of a ladder."""
    training: int = 30_000
    """The first so many training images play the training set, the rest the fresh images."""
    counts: tuple[int, ...] = (100, 300, 1000, 3000, 10_000, 30_000)
    """Images per set on the ladder of sample counts: both halves of the training images."""
    unequal: tuple[int, ...] = (100, 300, 1000, 3000, 10_000, 30_000, 60_000)
    """Training images on the ladder that compares them with all test images."""
    seed: int = 0
    """Of the noise."""


Rung = tuple[Tensor, Tensor]
"""Images (n, 1, H, W) uint8 and the labels (n,) that they are said to have."""


@dataclass(frozen=True)
class Ladder:
    """Sets of images that get worse rung by rung; the first is undamaged."""

    name: str
    title: str
    harms: str
    """coherence, variety, memorisation or nothing."""
    rungs: tuple[float, ...]
    unit: str
    sets: tuple[Rung, ...]


def ladders(train: Images, config: Config) -> Iterator[Ladder]:
    """The ladders but those of sample counts, which have other references."""
    assert train.labels is not None
    fresh = train.subset(slice(config.training, None))
    seen, seen_labels = train.pixels[: config.n], train.labels[: config.n]
    assert fresh.labels is not None
    n, labels, good = config.n, fresh.labels, fresh.pixels[: config.n]

    def seeded() -> torch.Generator:
        return torch.Generator().manual_seed(config.seed)

    def spoilt(change: Callable[[float], Tensor]) -> Callable[[float], Rung]:
        return lambda rung: (change(rung), labels[:n])

    def chosen(index: Callable[[float], Tensor]) -> Callable[[float], Rung]:
        return lambda rung: (fresh.pixels[index(rung)], labels[index(rung)])

    def copies(share: float) -> Rung:
        pixels = damage.replace(good, seen, share)
        return pixels, damage.replace(labels[:n], seen_labels, share)

    def junk(share: float) -> Tensor:
        static = torch.randint(0, 256, good.shape, dtype=torch.uint8, generator=seeded())
        return damage.replace(good, static, share)

    def ladder(name: str, title: str, harms: str, unit: str, rungs: tuple[float, ...],
               make: Callable[[float], Rung]) -> Ladder:  # fmt: skip
        return Ladder(name, title, harms, rungs, unit, tuple(make(rung) for rung in rungs))

    yield ladder("blur", "Blur", "coherence", "σ, pixels", (0, 0.5, 1, 1.5, 2, 3),
                 spoilt(lambda sigma: damage.blur(good, sigma)))  # fmt: skip
    yield ladder("noise", "Noise", "coherence", "σ, grey levels", (0, 8, 16, 32, 64, 128),
                 spoilt(lambda deviation: damage.noise(good, deviation, seeded())))  # fmt: skip
    yield ladder("jpeg", "JPEG", "coherence", "quality", (100, 75, 50, 25, 10, 5),
                 spoilt(lambda quality: damage.jpeg(good, int(quality))))  # fmt: skip
    yield ladder("junk", "Pure noise among them", "coherence", "share",
                 (0, 0.01, 0.05, 0.2, 0.5, 1), spoilt(junk))  # fmt: skip
    yield ladder("dropped", "Classes dropped", "variety", "classes left", (10, 9, 7, 5, 3, 1),
                 chosen(lambda kept: damage.keep_classes(labels, int(kept), n)))  # fmt: skip
    yield ladder("imbalance", "Classes out of balance", "variety", "ratio", (1, 2, 5, 20, 100),
                 chosen(lambda ratio: damage.unbalance(labels, ratio, n)))  # fmt: skip
    yield ladder("repeated", "Few images, repeated", "variety", "different images",
                 (n, 1000, 300, 100, 30, 10),
                 chosen(lambda k: damage.repeat(torch.arange(n), int(k))))  # fmt: skip
    yield ladder("copies", "Copies of the training set", "memorisation", "share",
                 (0, 0.01, 0.05, 0.2, 0.5, 1), copies)  # fmt: skip
