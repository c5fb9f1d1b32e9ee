"""The frozen classifier whose features our own figures use on MNIST-like images.

A small convolutional network in the spirit of LeNet-5, with 128 features before its last layer.
`scripts/train_classifier.py` trains it; the weights and their recipe lie in `weights/`.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from safetensors.torch import load
from torch import Tensor, nn

WEIGHTS = Path(__file__).parent / "weights" / "mnist-lenet.safetensors"
RECIPE = WEIGHTS.with_suffix(".json")
SIZE = 28
DIM = 128


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


def load_recipe() -> dict[str, Any]:
    """How the frozen weights were made, and their SHA-256."""
    return json.loads(RECIPE.read_text(encoding="utf-8"))


def load_lenet() -> LeNet:
    """The frozen classifier, in evaluation mode.

    Raises: ValueError when the weights file is not the one that the recipe describes.
    """
    content = WEIGHTS.read_bytes()
    if hashlib.sha256(content).hexdigest() != load_recipe()["sha256"]:
        raise ValueError(f"{WEIGHTS} is damaged (SHA-256 differs): reinstall imggen.")
    network = LeNet()
    network.load_state_dict(load(content))
    return network.eval().requires_grad_(False)
