"""The frozen classifier whose features our own figures use on MNIST-like images.

A small convolutional network in the spirit of LeNet-5, with 128 features before its last layer.
`scripts/train_classifier.py` trains it; the weights and their recipe lie in `weights/`.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TypeVar

from safetensors.torch import load
from torch import Tensor, nn

from imggen.system.files import Json

LENET = Path(__file__).parent / "weights" / "mnist-lenet.safetensors"
COLOUR = LENET.with_name("cifar10-colour.safetensors")
SIZE = 28
DIM = 128
Frozen = TypeVar("Frozen", bound=nn.Module)


class LeNet(nn.Module):
    """Grey images (N, 1, 28, 28) in [0, 1] -> logits (N, 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *_block(1, 32, stride=1),
            *_block(32, 48, stride=2),
            *_block(48, 64, stride=2),
            *_block(64, 64, stride=2),
            nn.Flatten(),
            nn.Linear(64 * 4 * 4, DIM),
            nn.ReLU(),
        )
        self.head = nn.Linear(DIM, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))


def _block(inputs: int, outputs: int, stride: int) -> list[nn.Module]:
    convolution = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
    return [convolution, nn.BatchNorm2d(outputs), nn.ReLU()]


def load_lenet() -> LeNet:
    """The frozen classifier, in evaluation mode.

    Raises: ValueError when the weights file is not the one that the recipe describes.
    """
    return load_frozen(LeNet(), LENET)


def load_recipe(weights: Path = LENET) -> Json:
    """How frozen weights were made, and their SHA-256."""
    return json.loads(weights.with_suffix(".json").read_text(encoding="utf-8"))


def frozen_sha256(name: str) -> str | None:
    """Hash of the weights of one of our own classifiers, None for any other name."""
    recipes = (load_recipe(weights) for weights in (LENET, COLOUR))
    return next((recipe["sha256"] for recipe in recipes if recipe["name"] == name), None)


def load_frozen(network: Frozen, weights: Path) -> Frozen:
    """`network` with frozen weights, in evaluation mode.

    Raises: ValueError when the weights file is not the one that the recipe describes.
    """
    content = weights.read_bytes()
    if hashlib.sha256(content).hexdigest() != load_recipe(weights)["sha256"]:
        raise ValueError(f"{weights} is damaged (SHA-256 differs): reinstall imggen.")
    network.load_state_dict(load(content))
    return network.eval().requires_grad_(False)
