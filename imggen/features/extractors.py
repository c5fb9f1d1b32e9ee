"""From images to the arrays that metrics compare."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, NotRequired, TypedDict

import numpy as np
import torch
from torch import Tensor

from imggen.features import colournet, lenet
from imggen.features.lenet import load_frozen, load_lenet, load_recipe
from imggen.metrics.arrays import Array
from imggen.system.files import Json

PIXELS = 32
"""Raw pixels are compared at this height and width at most: more say little more, and their
covariances would take minutes and gigabytes."""


class Description(TypedDict):
    """An extractor in metrics.json."""

    name: str
    dim: int
    sha256: NotRequired[str | None]
    preparation: NotRequired[str]
    details: NotRequired[str]


@dataclass(frozen=True)
class Extractor:
    """A named map from uint8 images (N, C, H, W) to features (N, dim), perhaps with logits."""

    name: str
    dim: int
    sha256: str | None
    """Hash of the weights, None where there are none."""
    preparation: str
    """What is done to the uint8 pixels before, in words."""
    run: Callable[[Tensor], tuple[Tensor, Tensor | None]]
    classes: int | None = None
    class_names: tuple[str, ...] = ()
    """Of the logits, as the data that the network was trained on call them; () where unknown."""
    details: str = ""

    def describe(self) -> Description:
        """What metrics.json records."""
        return {
            "name": self.name,
            "dim": self.dim,
            "sha256": self.sha256,
            "preparation": self.preparation,
            "details": self.details,
        }


@torch.inference_mode()
def extract(
    extractor: Extractor, blocks: Iterable[Tensor], n: int, progress: Callable[[int], object]
) -> tuple[Array, Array | None]:
    """Features (n, dim) float32 and logits (n, classes) or None of blocks of uint8 images.

    `progress` is called with the number of images of each block.
    """
    features = np.empty((n, extractor.dim), dtype=np.float32)
    logits = None if extractor.classes is None else np.empty((n, extractor.classes), np.float32)
    start = 0
    for block in blocks:
        rows = slice(start, start + len(block))
        found, scores = extractor.run(block)
        features[rows] = found.numpy()
        if logits is not None and scores is not None:
            logits[rows] = scores.numpy()
        start += len(block)
        progress(len(block))
    return features, logits


def pixels_extractor(shape: tuple[int, int, int]) -> Extractor:
    """Raw pixels in [0, 1]: no network, but also no idea of what an image shows.

    Images above 32x32 are made smaller first.
    """
    channels, *size = shape
    scale = min(1.0, PIXELS / max(size))
    height, width = (max(1, round(side * scale)) for side in size)
    smaller = "" if scale == 1 else f"{width}x{height} (bilinear with antialiasing), "

    def run(x: Tensor) -> tuple[Tensor, None]:
        from torchvision.transforms.v2 import functional as transforms  # takes two seconds

        x = x if scale == 1 else transforms.resize(x, [height, width], antialias=True)
        return x.flatten(1) / 255, None

    return Extractor("pixels", channels * height * width, None, f"{smaller}divided by 255", run)


def lenet_extractor() -> Extractor:
    """The 128 last hidden features of our frozen MNIST classifier."""
    network = load_lenet()

    def run(x: Tensor) -> tuple[Tensor, Tensor | None]:
        if x.shape[1] == 3:
            from torchvision.transforms.v2 import functional as transforms

            x = transforms.rgb_to_grayscale(x)
        features = network.features(_resized(x, lenet.SIZE).float() / 255)
        return features, network.head(features)

    return _frozen("grey", lenet.SIZE, lenet.DIM, load_recipe(lenet.LENET), run)


def colour_extractor() -> Extractor:
    """The 192 pooled features of our frozen classifier of small colour images."""
    network = load_frozen(colournet.ColourNet(), lenet.COLOUR)

    def run(x: Tensor) -> tuple[Tensor, Tensor | None]:
        x = _resized(x.expand(-1, 3, -1, -1), colournet.SIZE)
        features = network.features(x.float() / 255 - 0.5)
        return features, network.head(features)

    return _frozen("RGB", colournet.SIZE, colournet.DIM, load_recipe(lenet.COLOUR), run)


def _resized(x: Tensor, size: int) -> Tensor:
    """uint8 images (N, C, H, W) at size x size, rounded to uint8 again."""
    from torchvision.transforms.v2 import functional as transforms

    return x if x.shape[2:] == (size, size) else transforms.resize(x, [size, size], antialias=True)


def _frozen(
    kind: Literal["grey", "RGB"],
    size: int,
    dim: int,
    recipe: Json,
    run: Callable[[Tensor], tuple[Tensor, Tensor | None]],
) -> Extractor:
    return Extractor(
        name=recipe["name"],
        dim=dim,
        sha256=recipe["sha256"],
        preparation=f"{kind}, {size}x{size} (bilinear with antialiasing where sizes differ), "
        "divided by 255",
        run=run,
        classes=len(recipe["classes"]),
        class_names=tuple(recipe["classes"]),
        details=(
            f"our frozen classifier, {recipe['test_accuracy']:.2%} accurate on its test split, "
            f"trained on {recipe['trained_on']} by {recipe['command']}"
        ),
    )
