"""From images to the arrays that metrics compare."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as transforms

from imggen.metrics.arrays import Array
from imggen.metrics.lenet import DIM, SIZE, load_lenet, load_recipe

INCEPTION_FILE = "weights-inception-2015-12-05-6726825d.pth"
BATCH = 250


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
    details: str = ""

    def describe(self) -> dict[str, Any]:
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
    extractor: Extractor, pixels: Tensor, progress: Callable[[int], None] | None = None
) -> tuple[Array, Array | None]:
    """Features (N, dim) float32 and logits (N, classes) or None, in batches.

    `progress` is called with the number of images of each batch.
    """
    features = np.empty((len(pixels), extractor.dim), dtype=np.float32)
    logits = None
    for start in range(0, len(pixels), BATCH):
        batch = pixels[start : start + BATCH]
        found, scores = extractor.run(batch)
        features[start : start + len(batch)] = found.numpy()
        if scores is not None:
            if logits is None:
                logits = np.empty((len(pixels), scores.shape[1]), dtype=np.float32)
            logits[start : start + len(batch)] = scores.numpy()
        if progress is not None:
            progress(len(batch))
    return features, logits


def pixels_extractor(shape: tuple[int, int, int]) -> Extractor:
    """Raw pixels in [0, 1]: no network, but also no idea of what an image shows."""
    dim = int(np.prod(shape))
    return Extractor("pixels", dim, None, "divided by 255", lambda x: (x.flatten(1) / 255, None))


def lenet_extractor() -> Extractor:
    """The 128 last hidden features of our frozen MNIST classifier."""
    network, recipe = load_lenet(), load_recipe()

    def run(x: Tensor) -> tuple[Tensor, Tensor | None]:
        if x.shape[1] == 3:
            x = transforms.rgb_to_grayscale(x)
        if x.shape[2:] != (SIZE, SIZE):
            x = transforms.resize(x, [SIZE, SIZE], antialias=True)
        features = network.features(x.float() / 255)
        return features, network.head(features)

    return Extractor(
        name="lenet",
        dim=DIM,
        sha256=recipe["sha256"],
        preparation="grey, 28x28 (bilinear with antialiasing where sizes differ), divided by 255",
        run=run,
        classes=10,
        details=(
            f"our frozen classifier, {recipe['test_accuracy']:.2%} accurate on mnist:test, "
            f"made by {recipe['command']}"
        ),
    )


def inception_extractor(weights: Path | None = None) -> Extractor:
    """The 2048 pooled features of TensorFlow's Inception-v3 of 2015, through torch-fidelity.

    Raises: ValueError when its weights file is not there or not readable.
    """
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    path = weights or Path(torch.hub.get_dir()) / "checkpoints" / INCEPTION_FILE
    if not path.is_file():
        raise ValueError(
            f"Inception's weights are not in {path}: download {INCEPTION_FILE} from "
            "torch-fidelity's releases and name it with --inception-weights, or use --features "
            "lenet or pixels."
        )
    try:
        network = FeatureExtractorInceptionV3(
            "inception-v3-compat",
            ["2048", "logits_unbiased"],
            feature_extractor_weights_path=str(path),
        )
    except Exception as error:  # torch.load and load_state_dict raise many kinds
        reason = str(error).strip().split("\n")[0]
        raise ValueError(
            f"{path} holds no Inception weights of torch-fidelity ({reason})."
        ) from error
    network.eval()

    def run(x: Tensor) -> tuple[Tensor, Tensor | None]:
        features, logits = network(x.expand(-1, 3, -1, -1).contiguous())
        return features, logits

    return Extractor(
        name="inception",
        dim=2048,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        preparation="grey repeated to RGB, 299x299 (bilinear as in TensorFlow 1)",
        run=run,
        classes=1008,
        details="Inception-v3 of 2015-12-05 through torch-fidelity",
    )
