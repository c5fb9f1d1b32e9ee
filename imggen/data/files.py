"""Folders of image files, decoded block by block on all cores."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from imggen.data.images import Images, pixel_hashes
from imggen.system.errors import UserError

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


def read_images(path: Path, split: str = "all") -> Images:
    """Images of a folder (with its sub-folder `split` if it has one) or a .npy / .npz file.

    Raises: UserError when the path is missing, holds no images, mixed sizes or unreadable files.
    """
    if path.is_dir():
        return read_folder(path / split if (path / split).is_dir() else path, split)
    if path.is_file() and path.suffix in (".npy", ".npz"):
        return read_array(path, split)
    if path.is_file():
        raise UserError(f"{path} is no folder, .npy or .npz file: give one of these.")
    raise UserError(f"{path} does not exist: give a folder of images, a .npy or a .npz file.")


def read_folder(path: Path, split: str = "all") -> Images:
    """All images below a folder, sorted by path; first-level sub-folders are the classes.

    Grey images stay grey when all are; else all become RGB.

    Raises: UserError when there is none, when sizes differ, or when one is unreadable.
    """
    files = find_images(path, split)
    pixels = torch.cat(list(files.blocks()))
    return Images(str(path), split, pixels, files.labels, files.classes)


def read_array(path: Path, split: str = "all") -> Images:
    """uint8 images (N, H, W), (N, H, W, 1) or (N, H, W, 3) from .npy, or the only ones of .npz.

    Raises: UserError for another shape or type, or a file that is no array.
    """
    try:
        loaded = np.load(path, allow_pickle=False)
        arrays = {"": loaded} if isinstance(loaded, np.ndarray) else dict(loaded)
    except (OSError, ValueError, EOFError, KeyError) as error:
        reason = "it holds Python objects" if "pickle" in str(error) else error
        raise UserError(f"{path} can't be read as a numpy array ({reason}).") from error
    except Exception as error:  # zipfile.BadZipFile and zlib.error of a damaged .npz
        raise UserError(f"{path} is truncated or corrupt ({error}).") from error
    images = [a for a in arrays.values() if a.dtype == np.uint8 and a.ndim in (3, 4)]
    if len(images) > 1 or not arrays:
        raise UserError(f"{path} holds {len(images)} arrays of images: give it exactly one.")
    array = images[0] if images else next(iter(arrays.values()))
    if array.dtype != np.uint8:
        raise UserError(f"{path} holds {array.dtype} values: images must be uint8, 0 to 255.")
    if array.size and array.ndim == 4 and array.shape[-1] in (1, 3):
        pixels = torch.from_numpy(array).permute(0, 3, 1, 2).contiguous()
    elif array.size and array.ndim == 3:
        pixels = torch.from_numpy(array)[:, None].contiguous()
    else:
        raise UserError(
            f"{path} has shape {array.shape}: images must be (N, H, W) or (N, H, W, 3)."
        )
    return Images(str(path), split, pixels, None)
