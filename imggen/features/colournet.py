"""The frozen classifier whose features we use on small colour images.

A residual network of six convolution stages with 192 features after global pooling.
`scripts/train_classifier.py --which colour` trains it on CIFAR-10; the weights, kept in half
precision, and their recipe lie in `weights/`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

SIZE, DIM = 32, 192


def _block(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())


class Residual(nn.Module):
    """x + two convolutions of x, same shape (N, C, H, W)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(_block(width, width), _block(width, width))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.inner(x)


class ColourNet(nn.Module):
    """Colour images (N, 3, 32, 32) in [0, 1] -> logits (N, 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            _block(3, 32),
            _block(32, 64, stride=2),
            Residual(64),
            _block(64, 128, stride=2),
            Residual(128),
            _block(128, DIM, stride=2),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
        self.head = nn.Linear(DIM, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x - 0.5))


def half(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights as they are stored: floats in half precision."""
    return {
        name: (value.to(torch.float16) if value.is_floating_point() else value).contiguous()
        for name, value in state.items()
    }
