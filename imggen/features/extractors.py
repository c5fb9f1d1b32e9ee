"""From images to the arrays that metrics compare."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NotRequired, TypedDict

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.transforms.v2 import functional as transforms

from imggen.features import colournet, lenet
from imggen.features.lenet import load_frozen, load_lenet, load_recipe
from imggen.metrics.arrays import Array
from imggen.system.files import Json

INCEPTION_FILE = "weights-inception-2015-12-05-6726825d.pth"
FIDELITY_NOTES = {
    "inception-v3-compat": "299x299 (bilinear as in TensorFlow 1)",
    "vgg16": "224x224 (bilinear as in TensorFlow 1)",
}
"""What torch-fidelity does to images before these networks."""


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
    """Raw pixels in [0, 1]: no network, but also no idea of what an image shows."""
    dim = int(np.prod(shape))
    return Extractor("pixels", dim, None, "divided by 255", lambda x: (x.flatten(1) / 255, None))


def lenet_extractor() -> Extractor:
    """The 128 last hidden features of our frozen MNIST classifier."""
    network = load_lenet()

    def run(x: Tensor) -> tuple[Tensor, Tensor | None]:
        if x.shape[1] == 3:
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


def inception_extractor(weights: Path | None = None) -> Extractor:
    """The 2048 pooled features of TensorFlow's Inception-v3 of 2015, through torch-fidelity.

    Raises: ValueError when its weights file is not there, not readable, or not the one that its
    name says.
    """
    path = weights or Path(torch.hub.get_dir()) / "checkpoints" / INCEPTION_FILE
    if not path.is_file():
        raise ValueError(
            f"Inception's weights are not in {path}: download {INCEPTION_FILE} from "
            "torch-fidelity's releases and name it with --weights, or use --features lenet or "
            "pixels."
        )
    return fidelity_extractor("inception-v3-compat", path)


def fidelity_names() -> tuple[str, ...]:
    """The networks that torch-fidelity knows."""
    import torch_fidelity.metrics  # noqa: F401  (registers them)
    from torch_fidelity.registry import FEATURE_EXTRACTORS_REGISTRY

    return tuple(FEATURE_EXTRACTORS_REGISTRY)


def from_hub(name: str) -> bool:
    """Whether torch-fidelity takes this network from torch.hub, where it does not read files."""
    return name.startswith("dinov2")


def fidelity_extractor(name: str, weights: Path | None) -> Extractor:
    """A network of torch-fidelity with weights from a file, which that package unpickles.

    DINOv2 has no file: it comes from torch.hub, so once from the internet, then from its cache.

    Raises: ValueError when the file does not hold that network's weights, when its name carries the
    beginning of a SHA-256 that is not its own (weights-...-6726825d.pth), or without torch.hub.
    """
    from torch_fidelity.registry import FEATURE_EXTRACTORS_REGISTRY

    if from_hub(name) and weights is not None:
        raise ValueError(f"{name} comes from torch.hub, not from a file: leave {weights} out.")
    digest = None if weights is None else _checked_sha256(name, weights)
    kind = FEATURE_EXTRACTORS_REGISTRY[name]
    layers = [kind.get_default_feature_layer_for_metric("fid")]
    if name == "inception-v3-compat":
        layers.append("logits_unbiased")
    path = None if weights is None else str(weights)
    try:
        network = kind(name, layers, feature_extractor_weights_path=path).eval()
        probe = network(torch.zeros(2, 3, 32, 32, dtype=torch.uint8))
    except Exception as error:  # torch.load, load_state_dict and torch.hub raise many kinds
        reason = str(error).strip().split("\n")[0]
        raise ValueError(
            f"torch.hub could not give {name} ({reason}): it must be downloaded once."
            if weights is None
            else f"{weights} holds no {name} weights of torch-fidelity ({reason})."
        ) from error

    def run(x: Tensor) -> tuple[Tensor, Tensor | None]:
        found = network(x.expand(-1, 3, -1, -1).contiguous())
        return found[0].float(), found[1].float() if len(found) > 1 else None

    return Extractor(
        name="inception" if name == "inception-v3-compat" else name,
        dim=probe[0].shape[1],
        sha256=digest or _state_sha256(network),
        preparation=f"grey repeated to RGB, {FIDELITY_NOTES.get(name, 'resized by the network')}",
        run=run,
        classes=probe[1].shape[1] if len(probe) > 1 else None,
        details=f"{name} through torch-fidelity",
    )


def _checked_sha256(name: str, weights: Path) -> str:
    if not weights.is_file():
        raise ValueError(f"{weights} does not exist: name the file of {name}'s weights.")
    with open(weights, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    promised = re.search(r"-([0-9a-f]{8})\.pth$", weights.name)
    if promised and not digest.startswith(promised[1]):
        raise ValueError(
            f"{weights} is damaged: its SHA-256 begins with {digest[:8]}, its name promises "
            f"{promised[1]}: download it again."
        )
    return digest


def _state_sha256(network: nn.Module) -> str:
    """SHA-256 over the names and values of a network's weights."""
    digest = hashlib.sha256()
    for key, value in network.state_dict().items():
        digest.update(key.encode())
        digest.update(value.contiguous().numpy().data)
    return digest.hexdigest()
