"""Samples of any number of settings against one set of test images, by the short list."""

from __future__ import annotations

from imggen.data.datasets import DataConfig
from imggen.data.images import Images
from imggen.evaluation.catalogue import Entries, entries, known
from imggen.evaluation.protocol import SEED
from imggen.evaluation.short import short
from imggen.features.extract import choose_extractor, extract
from imggen.features.sets import Features


class Against:
    """The test images of a dataset, and what as many training images score against them."""

    def __init__(self, data: DataConfig, most: int) -> None:
        """Compares at most so many images. Raises: UserError for data that can't be read."""
        train, self.test = (data.load(split) for split in ("train", "test"))
        self.n = min(most, len(self.test), len(train))
        self.extractor = choose_extractor("auto", self.test)
        self.real = self._features(self.test, "real")
        self.floor = entries(short(self.real, self._features(train, "real")))

    def measure(self, images: Images) -> Entries:
        """The short list of generated images."""
        return entries(short(self.real, self._features(images, "generated")))

    def _features(self, images: Images, role: str) -> Features:
        return extract(self.extractor, images, self.n, SEED, role)


def told(metrics: Entries) -> str:
    """Measured numbers in one line."""
    values = ((name, known(entry)[0]) for name, entry in metrics.items())
    return "  " + "  ".join(f"{name} {value:.3f}" for name, value in values)
