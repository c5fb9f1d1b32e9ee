"""Datasets that are folders of photos: road scenes, industrial parts, and a user's own."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from imggen.data.files import as_set, decode, read_folder, read_images
from imggen.data.headers import header, image_files
from imggen.data.images import Images
from imggen.data.prepare import AS_THEY_ARE, Wanted
from imggen.system.errors import UserError

VALIDATION = ("val", "valid", "validation")
HELD_OUT = 26
"""Of 256: images whose hash begins with a byte below are held out, about a tenth."""


def own_folder(path: Path, split: str, wanted: Wanted = AS_THEY_ARE) -> Images:
    """A split of the user's own images: path/train and path/test where these exist.

    Else a tenth of the images, drawn by the hashes of their pixels, is held out as the test split.

    Raises: UserError when only one of the two folders is there.
    """
    has = {name: (path / name).is_dir() for name in ("train", "test")}
    if not any(has.values()):
        images = read_images(path, split, wanted)
        return images if split == "all" else _part(images, split)
    if not all(has.values()):
        missing = next(name for name, there in has.items() if not there)
        raise UserError(f"{path} has no sub-folder {missing}: make train and test, or neither.")
    others = [name for name in VALIDATION if (path / name).is_dir()]
    if split != "all":
        if others and split == "train":
            warnings.warn(
                f"{path / others[0]} is left out: --data.split all trains on all three parts.",
                stacklevel=2,
            )
        return read_folder(path / split, split, wanted)
    parts = [read_folder(path / name, split, wanted) for name in ("train", *others, "test")]
    return _joined(parts)


def _joined(parts: list[Images]) -> Images:
    """Parts of one dataset; with labels where all have the same classes."""
    shapes = {part.shape for part in parts}
    if len(shapes) > 1:
        raise UserError(f"The parts of {parts[0].name} have different shapes: {shapes}.")
    alike = len({part.classes for part in parts}) == 1 and parts[0].labels is not None
    labels = [part.labels for part in parts if part.labels is not None]
    return replace(
        parts[0],
        pixels=torch.cat([part.pixels for part in parts]),
        labels=torch.cat(labels) if alike else None,
        classes=parts[0].classes if alike else (),
    )


def _part(images: Images, split: str) -> Images:
    """A part by the images' own hashes: the same one whatever the files are called."""
    digests = [hashlib.sha256(row.data).digest() for row in images.pixels.flatten(1).numpy()]
    held_out = torch.tensor([digest[0] < HELD_OUT for digest in digests])
    return images.subset(held_out if split == "test" else ~held_out)


def camvid(root: Path, split: str, wanted: Wanted = AS_THEY_ARE) -> Images:
    """701 road scenes of 256x192 with label maps of 12 classes as sources (Brostow et al. 2009).

    camvid/images and camvid/labels with train, val and test below the root; train takes val too.

    Raises: UserError when they are missing.
    """
    folder = _existing(root, "camvid", "images and labels, each with train, val and test")
    parts = ("train", "val") if split == "train" else ("test",)
    photos = [path for part in parts for path in image_files(folder / "images" / part)]
    maps = [folder / "labels" / path.parent.name / path.name for path in photos]
    absent = next((path for path in maps if not path.is_file()), None)
    if absent is not None:
        raise UserError(f"{absent} is missing: each photo needs its label map.")
    sources = [wanted.fit(decode(path, "L")[None], maps=True) for path in maps]
    odd = next((i for i, found in enumerate(sources) if found.shape != sources[0].shape), None)
    if odd is not None:
        raise UserError(f"{maps[odd]} has another size than {maps[0]}: give --data.size.")
    return Images("camvid", split, _pixels(photos, wanted), None, sources=torch.cat(sources))


def magnetic_tile(root: Path, split: str, wanted: Wanted = AS_THEY_ARE) -> Images:
    """952 magnetic tiles without defects, grey, of all sizes (Huang, Qiu, Yuan 2020).

    magnetic-tile/MT_Free/*.jpg below the root; a tenth is held out by the hashes of the pixels.

    Raises: UserError when they are missing, or without a size to bring them to.
    """
    folder = _existing(root, "magnetic-tile", "MT_Free, MT_Blowhole, ...") / "MT_Free"
    if wanted.size is None:
        raise UserError(
            "magnetic_tile has images of all sizes: bring them to one with --data.size 32 "
            "(experiments) or --size 32 (imggen evaluate)."
        )
    photos = [path for path in image_files(folder) if path.suffix == ".jpg"]  # .png are masks
    return _part(Images("magnetic_tile", split, _pixels(photos, wanted), None), split)


def _existing(root: Path, name: str, holds: str) -> Path:
    if not (root / name).is_dir():
        raise UserError(
            f"{name} is not in {root}: put it there ({holds}), or name another folder with "
            "IMGGEN_DATA, or with --root (imggen) or --data.root (experiments)."
        )
    return root / name


def _pixels(paths: Sequence[Path], wanted: Wanted) -> Tensor:
    """uint8 (N, C, H, W) of files."""
    return torch.cat(list(as_set({path: header(path) for path in paths}, wanted).blocks()))
