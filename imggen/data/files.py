"""Folders of image files, decoded block by block on all cores."""

from __future__ import annotations

import os
import re
import warnings
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from imggen.data.arrays import read_array
from imggen.data.headers import (
    ALPHA_MODES,
    BROKEN,
    FORMATS,
    Header,
    header,
    image_files,
    listed,
    unreadable,
)
from imggen.data.images import Images, pixel_hashes
from imggen.data.prepare import AS_THEY_ARE, Wanted
from imggen.system.errors import UserError

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
    wanted: Wanted = AS_THEY_ARE
    """What is done to each image when it is decoded."""
    grey: bool = False
    """Whether all files are grey."""
    left_out: int = 0
    """Files that could not be read, where that was allowed."""

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
        out = torch.empty((len(paths), *self.shape), dtype=torch.uint8)
        for row, path in zip(out, paths, strict=True):
            pixels = decode(path, "L" if self.grey else "RGB")
            row[...] = self.wanted.apply(pixels[None])[0]
        return out


def decode(path: Path, mode: str, content: bytes | None = None) -> Tensor:
    """The pixels of a file as a viewer shows them: uint8 (1 or 3, H, W) for mode L or RGB.

    `content` stands in for what the file would hold, where it lies in an archive.

    Raises: UserError for a file that can't be read or has transparent pixels.
    """
    try:
        with Image.open(path if content is None else BytesIO(content), formats=FORMATS) as image:
            shown = ImageOps.exif_transpose(image)
            if "transparency" in shown.info:
                shown = shown.convert("RGBA")
            if shown.mode in ALPHA_MODES and np.asarray(shown)[..., -1].min() < 255:
                raise UserError(f"{path} has transparent pixels: flatten it first.")
            pixels = np.array(shown.convert(mode))
    except BROKEN as error:
        raise unreadable(path, error) from error
    return torch.from_numpy(pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1))


def find_images(
    path: Path, split: str = "all", wanted: Wanted = AS_THEY_ARE, skip_unreadable: bool = False
) -> ImageFiles:
    """All images below a folder, sorted by path; only their headers are read.

    First-level sub-folders are the classes. Grey images stay grey when all are; else all become
    RGB. With `skip_unreadable` every file is decoded once, and a warning counts those left out.

    Raises: UserError when there is none, when sizes differ, or when one is no image.
    """
    if skip_unreadable:
        headers, left_out = _readable(path)
    else:
        headers, left_out = {file: header(file) for file in image_files(path)}, 0
    found = replace(as_set(headers, wanted), name=str(path), split=split, left_out=left_out)
    parents = [file.relative_to(path).parts[:-1] for file in headers]
    if not all(parents):
        return found
    classes = sorted({parts[0] for parts in parents})
    labels = torch.tensor([classes.index(parts[0]) for parts in parents])
    return replace(found, labels=labels, classes=tuple(classes))


def as_set(known: Mapping[Path, Header], wanted: Wanted) -> ImageFiles:
    """Files as one set, by their headers.

    Raises: UserError when their sizes differ and none was asked for.
    """
    paths, headers = list(known), list(known.values())
    sizes = [(found.width, found.height) for found in headers]
    other = next((i for i, size in enumerate(sizes) if size != sizes[0]), None)
    if other is not None and wanted.size is None:
        raise UserError(
            f"Images of different sizes: {paths[other]} is {_size(headers[other])} and {paths[0]} "
            f"is {_size(headers[0])}: bring all to one size with --data.size 64 (experiments) or "
            "--size 64 (imggen evaluate)."
        )
    grey = all(found.grey for found in headers)
    shape = wanted.shape(1 if grey else 3, headers[0].height, headers[0].width)
    return ImageFiles("", "all", tuple(paths), shape, wanted=wanted, grey=grey)


def _size(found: Header) -> str:
    return f"{found.width}x{found.height}"


def _readable(folder: Path) -> tuple[dict[Path, Header], int]:
    """The headers of the files that can be decoded, and how many can't.

    Raises: UserError when none can.
    """
    paths, reasons = listed(folder)
    kept = {}
    for path in paths:
        try:
            found = header(path)
            decode(path, "RGB")
            kept[path] = found
        except UserError as error:
            reasons.append(str(error))
    known = len(kept) + len(reasons)
    if not kept:
        raise UserError(f"None of the {known} images of {folder} can be read: {reasons[0]}")
    if reasons:
        warnings.warn(
            f"{len(reasons)} of the {known} images of {folder} were left out; the first: "
            f"{reasons[0]}",
            stacklevel=2,
        )
    return kept, len(reasons)


def read_images(path: Path, split: str = "all", wanted: Wanted = AS_THEY_ARE) -> Images:
    """Images of a folder (with its sub-folder `split` if it has one) or a .npy / .npz file.

    Raises: UserError when the path is missing, holds no images, mixed sizes or unreadable files.
    """
    if path.is_dir():
        return read_folder(path / split if (path / split).is_dir() else path, split, wanted)
    named = re.fullmatch(r"(.+?\.np[yz]):(.*)", str(path), re.DOTALL)  # keys may have colons
    file, key = (Path(named[1]), named[2]) if named and not path.exists() else (path, None)
    if file.is_file() and file.suffix in (".npy", ".npz"):
        return wanted.images(read_array(file, split, key))
    if path.is_file():
        raise UserError(f"{path} is no folder, .npy or .npz file: give one of these.")
    what = "is no file or folder" if path.exists() else "does not exist"
    raise UserError(f"{path} {what}: give a folder of images, a .npy or a .npz file.")


def read_folder(path: Path, split: str = "all", wanted: Wanted = AS_THEY_ARE) -> Images:
    """All images below a folder in memory, as `find_images` finds them.

    Raises: UserError when there is none, when sizes differ, or when one is unreadable.
    """
    files = find_images(path, split, wanted)
    pixels = torch.cat(list(files.blocks()))
    return Images(str(path), split, pixels, files.labels, files.classes)
