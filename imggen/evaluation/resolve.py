"""What can be scored: sets of images, and sets of features that somebody extracted before."""

from __future__ import annotations

from pathlib import Path

from imggen.data import datasets, files
from imggen.data.datasets import DATASETS
from imggen.data.files import find_images
from imggen.data.images import Images
from imggen.features.sets import AnySet, read_features
from imggen.runs import restore
from imggen.system.errors import UserError


def resolve(text: str, root: Path | None = None) -> AnySet:
    """Images from NAME:SPLIT (mnist:test), a folder, or a .npy / .npz file; features from a .npy.

    Raises: UserError when it is none of these.
    """
    if not text.strip():
        raise UserError(
            "An empty name is no set: give a folder, a .npy or .npz file, or NAME:SPLIT."
        )
    path = Path(text)
    name, _, split = text.partition(":")
    if not path.exists() and (name in DATASETS or (split and "/" not in name and "." not in name)):
        return datasets.load(name, split or "test", root)  # an unknown name lists those there are
    if path.is_dir():
        return find_images(path)
    if path.suffix == ".npy" and (features := read_features(path)) is not None:
        return features
    return files.read_images(path)


def resolve_fake(
    text: str, n: int, root: Path | None, seed: int, docs: Path | None = None
) -> AnySet:
    """As `resolve`, and a run directory or published slug, whose generator draws `n` images."""
    is_run = (Path(text) / "manifest.json").is_file()
    if is_run or (not Path(text).exists() and ":" not in text and text not in DATASETS):
        return restore.sample_images(text, n, seed, docs, root=root)
    return resolve(text, root)


def training_split(text: str, root: Path | None) -> Images | None:
    """The training split for NAME:test, None for anything else."""
    name, _, split = text.partition(":")
    if name in DATASETS and name != "folder" and split == "test" and not Path(text).exists():
        return datasets.load(name, "train", root)
    return None
