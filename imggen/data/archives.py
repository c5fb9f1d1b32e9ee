"""Datasets that are one archive of image files, read where it lies: nothing is unpacked."""

from __future__ import annotations

import lzma
import re
import tarfile
from pathlib import Path

import torch

from imggen.data.files import decode
from imggen.data.images import Images
from imggen.data.prepare import Wanted
from imggen.system.errors import UserError

CIFAR10_JPEG, SIDE = "cifar10-jpeg-q75.tar.xz", 32
MEMBER = re.compile(r"(?:\./)?(?P<split>train|test)/(?P<label>[A-Za-z0-9_-]+)/[^/]+\.jpg")
LARGEST = 1_000_000
"""Bytes of a photo, at most."""
DAMAGED = (tarfile.TarError, lzma.LZMAError, OSError, EOFError, ValueError)


def cifar10_jpeg(root: Path, split: str, wanted: Wanted) -> Images:
    """JPEG copies (quality 75) of CIFAR-10's 60,000 photos of 32x32 pixels (Krizhevsky 2009).

    train/CLASS/NNNN.jpg and test/CLASS/NNNN.jpg in cifar10-jpeg-q75.tar.xz below the root. They
    are not the original pixels: no score on them stands beside one on cifar10.

    Raises: UserError when the archive is missing or damaged, or holds other photos.
    """
    path = root / CIFAR10_JPEG
    if not path.is_file():
        raise UserError(
            f"cifar10_jpeg is not in {root}: put {CIFAR10_JPEG} there (train/CLASS/NNNN.jpg and "
            "test/CLASS/NNNN.jpg), name another folder with IMGGEN_DATA, --root (imggen) or "
            "--data.root (experiments), or take cifar10, the original photos."
        )
    files = _members(path, split)
    classes = tuple(sorted({label for label, _ in files}))
    pixels = [wanted.apply(_photo(path / name, held)) for (_, name), held in files.items()]
    labels = torch.tensor([classes.index(label) for label, _ in files])
    return Images("cifar10_jpeg", split, torch.cat(pixels), labels, classes)


def _members(path: Path, split: str) -> dict[tuple[str, str], bytes]:
    """Contents of the split's .jpg files by class and name, sorted. Raises: UserError."""
    found: dict[tuple[str, str], bytes] = {}
    try:
        with tarfile.open(path, "r|xz") as archive:
            for member in archive:
                name = MEMBER.fullmatch(member.name)
                if name is None or name["split"] != split or not member.isreg():
                    continue
                content, key = archive.extractfile(member), (name["label"], member.name)
                if content is None or member.size > LARGEST or key in found:
                    raise ValueError(f"{member.name} is too large, or there twice")
                found[key] = content.read()
    except DAMAGED as error:
        raise UserError(f"{path} is truncated or corrupt ({error}).") from error
    if not found:
        raise UserError(f"{path} holds no {split}/CLASS/NNNN.jpg.")
    return dict(sorted(found.items()))


def _photo(path: Path, content: bytes) -> torch.Tensor:
    """uint8 (1, 3, 32, 32). Raises: UserError for what is no photo of that size."""
    try:
        pixels = decode(path, "RGB", content)[None]
    except UserError as error:
        raise UserError(f"{path} can't be read as an image, or is transparent.") from error
    if pixels.shape[2:] != (SIDE, SIDE):
        raise UserError(f"{path} is not {SIDE}x{SIDE} pixels, as the photos of CIFAR-10 are.")
    return pixels
