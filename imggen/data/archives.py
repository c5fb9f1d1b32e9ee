"""Datasets that are one archive of image files, read where it lies: nothing is unpacked."""

from __future__ import annotations

import lzma
import tarfile
from pathlib import Path

import torch

from imggen.data.files import decode
from imggen.data.images import Images
from imggen.data.prepare import Wanted
from imggen.system.errors import UserError

CIFAR10_JPEG = "cifar10-jpeg-q75.tar.xz"
DAMAGED = (tarfile.TarError, lzma.LZMAError, OSError, EOFError)


def cifar10_jpeg(root: Path, split: str, wanted: Wanted) -> Images:
    """JPEG copies (quality 75) of CIFAR-10's 60,000 photos of 32x32 pixels (Krizhevsky 2009).

    train/CLASS/NNNN.jpg and test/CLASS/NNNN.jpg in cifar10-jpeg-q75.tar.xz below the root. They
    are not the original pixels: no score on them stands beside one on cifar10.

    Raises: UserError when the archive is missing or damaged.
    """
    path = root / CIFAR10_JPEG
    if not path.is_file():
        raise UserError(
            f"cifar10_jpeg is not in {root}: put {CIFAR10_JPEG} there (train/CLASS/NNNN.jpg and "
            "test/CLASS/NNNN.jpg), name another folder with IMGGEN_DATA, --root (imggen) or "
            "--data.root (experiments), or take cifar10, the original photos."
        )
    files = _members(path, split)
    classes = tuple(sorted({name.split("/")[1] for name in files}))
    pixels = [wanted.apply(decode(path / n, "RGB", held)[None]) for n, held in files.items()]
    labels = torch.tensor([classes.index(name.split("/")[1]) for name in files])
    return Images("cifar10_jpeg", split, torch.cat(pixels), labels, classes)


def _members(path: Path, split: str) -> dict[str, bytes]:
    """Contents of the split's .jpg files by name, sorted. Raises: UserError."""
    found = {}
    try:
        with tarfile.open(path, "r|xz") as archive:
            for member in archive:
                inside = member.name.startswith(f"{split}/") and member.name.count("/") == 2
                if inside and member.name.endswith(".jpg") and member.isfile():
                    content = archive.extractfile(member)
                    assert content is not None
                    found[member.name] = content.read()
    except DAMAGED as error:
        raise UserError(f"{path} is truncated or corrupt ({error}).") from error
    if not found:
        raise UserError(f"{path} holds no {split}/CLASS/NNNN.jpg.")
    return dict(sorted(found.items()))
