"""What is done to images before they are used, because somebody asked for it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from imggen.data.images import Images
from imggen.system.errors import UserError


@dataclass(frozen=True)
class Wanted:
    """The size and colours that are asked for."""

    size: int | None = None
    """Pixels of height and width: the middle square, resized; None leaves images as they are."""
    grey: bool = False
    """One grey channel instead of three colours."""

    def check(self, flag: str) -> None:
        """Raises UserError for a size below 1; `flag` is what it was asked by."""
        if self.size is not None and not 1 <= self.size <= 4096:
            raise UserError(f"{flag} is {self.size}: give a number of pixels from 1 to 4096.")

    def shape(self, channels: int, height: int, width: int) -> tuple[int, int, int]:
        """(C, H, W) of what becomes of an image of this shape."""
        return 1 if self.grey else channels, self.size or height, self.size or width

    def apply(self, pixels: Tensor) -> Tensor:
        """uint8 (N, C, H, W) -> uint8 as asked for; bicubic with antialiasing, Rec. 601 grey."""
        pixels = self.fit(pixels)
        if not self.grey or pixels.shape[1] == 1:
            return pixels
        weights = torch.tensor([0.299, 0.587, 0.114])[:, None, None]
        return (pixels * weights).sum(dim=1, keepdim=True).round().to(torch.uint8)

    def fit(self, pixels: Tensor, *, maps: bool = False) -> Tensor:
        """The middle square at the size asked for; label `maps` keep their values."""
        if self.size is None or pixels.shape[2:] == (self.size, self.size):
            return pixels
        from torchvision.transforms.v2 import functional as transforms  # takes two seconds

        modes = transforms.InterpolationMode
        mode = modes.NEAREST_EXACT if maps else modes.BICUBIC
        square = transforms.center_crop(pixels, [min(pixels.shape[2:])] * 2)
        return transforms.resize(square, [self.size, self.size], mode, antialias=True)

    def images(self, images: Images) -> Images:
        """A whole dataset as asked for; label maps keep their values."""
        if self == AS_THEY_ARE:
            return images
        sources = images.sources
        if sources is not None:
            sources = self.fit(sources, maps=True)
        blocks = [self.apply(block) for block in images.blocks()]
        return replace(images, pixels=torch.cat(blocks).contiguous(), sources=sources)

    def __str__(self) -> str:
        square = self.size and f"the middle square at {self.size}x{self.size}"
        return " and ".join(part for part in (square, "grey" if self.grey else "") if part)


AS_THEY_ARE = Wanted()
