"""What can be scored: sets of images, and sets of features that somebody extracted before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from imggen.data import datasets, files
from imggen.data.datasets import DATASETS
from imggen.data.files import find_images
from imggen.data.headers import is_run
from imggen.data.images import Images
from imggen.data.prepare import AS_THEY_ARE, Wanted
from imggen.features.sets import AnySet, read_features
from imggen.runs import restore
from imggen.system.errors import UserError


@dataclass(frozen=True)
class Reading:
    """How sets are read, the same for all that are compared."""

    root: Path | None = None
    """Folder that holds the datasets."""
    wanted: Wanted = AS_THEY_ARE
    skip_unreadable: bool = False


def resolve(text: str, reading: Reading = Reading()) -> AnySet:
    """Images from NAME:SPLIT (mnist:test), a folder, or a .npy / .npz file; features from a .npy.

    Raises: UserError when it is none of these.
    """
    if not text.strip():
        raise UserError(
            "An empty name is no set: give a folder, a .npy or .npz file, or NAME:SPLIT."
        )
    path, wanted = expanded(text), reading.wanted
    name, _, split = text.partition(":")
    if not path.exists() and (name in DATASETS or (split and "/" not in name and "." not in name)):
        # An unknown name lists those there are.
        return datasets.load(name, split or "test", reading.root, wanted)
    if path.is_dir():
        refuse_splits(path)
        return find_images(path, wanted=wanted, skip_unreadable=reading.skip_unreadable)
    if path.suffix == ".npy" and path.is_file() and (features := read_features(path)) is not None:
        if wanted != AS_THEY_ARE:
            raise UserError(f"{path} holds features: --size and --grey are for images.")
        return features
    return files.read_images(path, wanted=wanted)


def expanded(text: str) -> Path:
    """A path with its ~ replaced, if there is such a person."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)


def refuse_splits(path: Path) -> None:
    """Raises UserError for a folder of splits: its sub-folders are no classes."""
    if all((path / name).is_dir() for name in ("train", "test")):
        raise UserError(
            f"{path} holds train and test, which are no classes: name one of them, {path}/test."
        )


def resolve_fake(
    text: str,
    n: int,
    reading: Reading,
    seed: int,
    docs: Path | None = None,
    sampler: Sequence[str] = (),
) -> AnySet:
    """As `resolve`, and a run directory or published slug, whose generator draws `n` images.

    `sampler` are settings of its sampler other than those of record. Raises: UserError for such
    settings where nothing is sampled.
    """
    path = expanded(text)
    finished = is_run(path) and (path / "manifest.json").is_file()
    if finished or (not path.exists() and ":" not in text and text not in DATASETS):
        run = path if finished else text
        images = restore.sample_images(run, n, seed, docs, None, sampler, reading.root)
        return reading.wanted.images(images)
    if sampler:
        raise UserError(f"--sampler {' '.join(sampler)} is for generators, and {text} is none.")
    return resolve(text, reading)


def training_split(text: str, reading: Reading) -> Images | None:
    """The training split for NAME:test, None for anything else."""
    name, _, split = text.partition(":")
    if name in DATASETS and name != "folder" and split == "test" and not Path(text).exists():
        return datasets.load(name, "train", reading.root, reading.wanted)
    return None
