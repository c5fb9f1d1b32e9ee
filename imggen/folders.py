"""Folders of image files, decoded block by block on all cores."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from imggen.errors import UserError

IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"}
GREY_MODES = ("1", "L", "LA")
ALPHA_MODES = ("LA", "RGBA")
BROKEN = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)
"""What Pillow raises for files that are no (whole) images, or absurdly large ones."""
BLOCK = 250


@dataclass(frozen=True)
class ImageFiles:
    """Images that stay on disk: all of one size, all grey or all RGB."""

    name: str
    split: str
    paths: tuple[Path, ...]
    shape: tuple[int, int, int]
    """(C, H, W) of one image."""
    labels: Tensor | None = None
    """int64 (N,), from the first-level sub-folders, None when files lie outside of them."""
    classes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.paths)

    @cached_property
    def hashes(self) -> list[bytes]:
        """A hash of each image's pixels, in order; one pass over the files."""
        return pixel_hashes(self.blocks())

    def subset(self, index: Tensor) -> ImageFiles:
        """The files at `index`."""
        labels = None if self.labels is None else self.labels[index]
        return replace(self, paths=tuple(self.paths[i] for i in index.tolist()), labels=labels)

    def blocks(self, size: int = BLOCK) -> Iterator[Tensor]:
        """uint8 (size, C, H, W), in order, decoded ahead of their use by one thread per core.

        Raises: UserError that names the file that can't be read.
        """
        parts = (self.paths[i : i + size] for i in range(0, len(self), size))
        workers = os.cpu_count() or 1
        with ThreadPoolExecutor(workers) as pool:
            ahead: deque[Future[Tensor]] = deque()
            try:
                for part in parts:
                    ahead.append(pool.submit(self._decode, part))
                    if len(ahead) > workers:
                        yield ahead.popleft().result()
                while ahead:
                    yield ahead.popleft().result()
            finally:
                for waiting in ahead:
                    waiting.cancel()

    def _decode(self, paths: Sequence[Path]) -> Tensor:
        channels, height, width = self.shape
        out = np.empty((len(paths), height, width, channels), dtype=np.uint8)
        for row, path in zip(out, paths, strict=True):
            try:
                with Image.open(path) as image:
                    if image.mode in ALPHA_MODES and np.asarray(image)[..., -1].min() < 255:
                        raise UserError(f"{path} has transparent pixels: flatten it first.")
                    pixels = np.asarray(image.convert("L" if channels == 1 else "RGB"))
            except BROKEN as error:
                raise unreadable(path, error) from error
            row[...] = pixels[..., None] if channels == 1 else pixels
        return torch.from_numpy(out).permute(0, 3, 1, 2).contiguous()


def pixel_hashes(blocks: Iterable[Tensor]) -> list[bytes]:
    """A hash of each image's pixels, in order."""
    return [
        hashlib.blake2b(row.data, digest_size=16).digest()
        for block in blocks
        for row in block.flatten(1).numpy()
    ]


def find_images(path: Path, split: str = "all") -> ImageFiles:
    """All images below a folder, sorted by path; only their headers are read.

    First-level sub-folders are the classes.

    Grey images stay grey when all are; else all become RGB.

    Raises: UserError when there is none, when sizes differ, or when one is no image.
    """
    named = (p for p in path.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES)
    paths = sorted(p for p in named if not p.is_dir())
    if not paths:
        raise UserError(f"{path} holds no images ({', '.join(sorted(IMAGE_SUFFIXES))}).")
    first, grey = None, True
    for file in paths:
        (width, height), mode = _header(file)
        if mode.startswith(("I", "F")):
            raise UserError(
                f"{file} has more than 8 bits a channel ({mode}): convert it to 8 bits first."
            )
        first = first or (width, height)
        grey = grey and mode in GREY_MODES
        if (width, height) != first:
            raise UserError(
                f"Images of different sizes: {file} is {width}x{height} and {paths[0]} is "
                f"{first[0]}x{first[1]}: resize them to one size first."
            )
    assert first is not None
    shape = (1 if grey else 3, first[1], first[0])
    parents = [file.relative_to(path).parts[:-1] for file in paths]
    if not all(parents):
        return ImageFiles(str(path), split, tuple(paths), shape)
    classes = sorted({parts[0] for parts in parents})
    labels = torch.tensor([classes.index(parts[0]) for parts in parents])
    return ImageFiles(str(path), split, tuple(paths), shape, labels, tuple(classes))


def _header(path: Path) -> tuple[tuple[int, int], str]:
    try:
        with Image.open(path) as image:
            return image.size, image.mode
    except BROKEN as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: Exception) -> UserError:
    """What to tell about a file that is no (whole) image."""
    return UserError(f"{path} can't be read as an image ({error}): remove or repair it.")
