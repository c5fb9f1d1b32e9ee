"""Pyramids of strided convolutions: the body of several generators and discriminators."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from imggen.nn.blocks import side


def pyramid(size: int) -> list[int]:
    """Sizes of the feature maps from 4 pixels up to the image: 28 -> [4, 7, 14, 28].

    At least two doublings, so that both networks have a hidden layer: 8 -> [2, 4, 8].

    Raises: ValueError below 8 pixels, where there is nothing to double.
    """
    if size < 8:
        raise ValueError(f"images of {size} pixels are too small, 8 is the least")
    sizes = [size]
    while sizes[0] > 4 or len(sizes) < 3:
        sizes.insert(0, (sizes[0] + 1) // 2)
    return sizes


def kernel_for(size: int) -> int:
    """Kernel that halves maps of `size` pixels with stride 2 and padding 1, rounding up."""
    return 4 if size % 2 == 0 else 3


class Trunk(nn.Module):
    """Images (N, C, H, W) -> float32 features (N, features), by convolutions of stride 2.

    No layer mixes images: what a penalty on each image's gradient asks for. Channels double from
    `width` at each level; weights start as in He et al. (2015, arXiv:1502.01852, Eq. 15).
    """

    def __init__(
        self,
        width: int,
        leak: float,
        shape: tuple[int, int, int],
        wrap: Callable[[nn.Module], nn.Module] = lambda layer: layer,
    ) -> None:
        """`wrap` is given each convolution and returns what stands in its place.

        Raises: ValueError for images that are not square or below 8 pixels.
        """
        super().__init__()
        sizes, channels = pyramid(side(shape)), shape[0]
        layers: list[nn.Module] = []
        for source in reversed(sizes[1:]):
            conv = nn.Conv2d(channels, width, kernel_for(source), stride=2, padding=1)
            nn.init.kaiming_normal_(conv.weight, leak)
            if conv.bias is not None:
                nn.init.zeros_(conv.bias)
            layers += [wrap(conv), nn.LeakyReLU(leak)]
            channels, width = width, 2 * width
        self.layers = nn.Sequential(*layers)
        self.features = channels * sizes[0] ** 2

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x).flatten(1).float()


class Critic(nn.Module):
    """A trunk and one number: image (N, C, H, W) -> float32 value (N,), without normalisation."""

    def __init__(
        self, width: int, leak: float, shape: tuple[int, int, int], bias: bool = True
    ) -> None:
        """`bias` of the last layer: without where only differences of values count."""
        super().__init__()
        self.trunk = Trunk(width, leak, shape)
        self.value = nn.Linear(self.trunk.features, 1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.value(self.trunk(x)).squeeze(1).float()
