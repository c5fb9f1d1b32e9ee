"""Datasets as one uint8 tensor in memory."""

from __future__ import annotations

import difflib
import os
import pickle
import re
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch

from imggen.data.archives import cifar10_jpeg
from imggen.data.folders import camvid, magnetic_tile, own_folder
from imggen.data.images import Images, concatenate
from imggen.data.prepare import AS_THEY_ARE, Wanted
from imggen.system.errors import UserError
from imggen.system.files import Json, expand, user_cache

DOWNLOAD_TIMEOUT_SECONDS = 20
SPLITS = ("train", "test", "all")
FIRST = re.compile(r"(?P<whole>\w+)\[:(?P<n>\d+)\]")
"""The first images of a split, as in train[:500]."""
DIGITS_FILE = Path("data") / "digits.csv.gz"
"""What scikit-learn reads them from, in its datasets: to import these takes a second."""
DIGITS_TEST = 360
"""The last 360 of scikit-learn's 1,797 digits are the test split (its own order, 20 %)."""


def data_root(root: Path | None = None) -> Path:
    """The folder that holds datasets: the argument, else $IMGGEN_DATA, else the user's cache."""
    if root is not None:
        return expand(root)
    if os.environ.get("IMGGEN_DATA"):
        return expand(os.environ["IMGGEN_DATA"])
    return user_cache()


def load(
    name: str, split: str = "train", root: Path | None = None, wanted: Wanted = AS_THEY_ARE
) -> Images:
    """A split of a dataset by name; `all` is train followed by test, `train[:500]` its first 500.

    Raises: UserError for an unknown name or split, and for missing or damaged files.
    """
    if few := FIRST.fullmatch(split):
        return first_of(load(name, few["whole"], root, wanted), int(few["n"]), split)
    if name not in DATASETS:
        close = difflib.get_close_matches(name, DATASETS, n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise UserError(f"Unknown dataset {name!r}: choose one of {', '.join(DATASETS)}.{hint}")
    if split not in SPLITS:
        raise UserError(
            f"Unknown split {split!r} of {name}: choose train, test or all, or the first of them "
            "as in train[:500]."
        )
    if name == "folder":
        if root is None:
            raise UserError(
                "The dataset 'folder' needs its path: give it with --data.root DIR (or --root DIR)."
            )
        folder = expand(root)
        # What it is called, not where it lies on this machine.
        return replace(own_folder(folder, split, wanted), name=folder.resolve().name)
    if split == "all":
        return concatenate(load(name, "train", root, wanted), load(name, "test", root, wanted))
    if name in BY_FILES:
        return BY_FILES[name](data_root(root), split, wanted)
    return wanted.images(DATASETS[name](data_root(root), split))


def first_of(images: Images, n: int, split: str) -> Images:
    """The first `n` of a split, under the name of what was asked for.

    Raises: UserError for more than there are, or none.
    """
    if not 1 <= n <= len(images):
        raise UserError(
            f"{images.name}:{split} asks for {n} of the {len(images)} images of "
            f"{images.name}:{images.split}: give a number from 1 to {len(images)}."
        )
    return replace(images.subset(torch.arange(n)), split=split)


def digits(root: Path, split: str) -> Images:
    """1,797 hand-written digits of 8x8 pixels (UCI, in scikit-learn): 0..16 scaled to 0..255."""
    spec = find_spec("sklearn")
    if spec is None or spec.origin is None:
        raise UserError("The digits come with scikit-learn, which is not installed here.")
    file = Path(spec.origin).with_name("datasets") / DIGITS_FILE
    if file.exists():
        rows = np.loadtxt(file, delimiter=",", dtype=np.int64)
    else:
        from sklearn.datasets import load_digits

        rows = np.column_stack(load_digits(return_X_y=True)).astype(np.int64)
    rows = rows[:-DIGITS_TEST] if split == "train" else rows[-DIGITS_TEST:]
    pixels = np.rint(rows[:, :-1] * (255 / 16)).astype(np.uint8).reshape(-1, 1, 8, 8)
    labels = torch.from_numpy(rows[:, -1].copy())
    return Images("digits", split, torch.from_numpy(pixels), labels, _names("0123456789"))


def _names(values: Iterable[object]) -> tuple[str, ...]:
    return tuple(str(value) for value in values)


def stacked_mnist(root: Path, split: str) -> Images:
    """Three MNIST digits of the same split, drawn at random, as the channels of one colour image.

    As many images as the split has digits, drawn once for all; labels 0 to 999 are the number that
    the channels spell: 1,000 modes to count (Lin et al. 2018, arXiv:1712.04086, section 4.2).
    """
    single = load("mnist", split, root)
    assert single.labels is not None
    drawn = np.random.default_rng(SPLITS.index(split)).integers(0, len(single), (len(single), 3))
    index = torch.from_numpy(drawn)
    labels = single.labels[index] @ torch.tensor([100, 10, 1])
    names = _names(f"{number:03}" for number in range(1000))
    return Images("stacked_mnist", split, single.pixels[index, 0], labels, names)


def _torchvision(name: str, class_name: str) -> Callable[[Path, str], Images]:
    """A loader through torchvision's class, in its own layout below the root."""

    def loader(root: Path, split: str) -> Images:
        from torchvision import datasets

        arguments = {"split": split} if class_name == "SVHN" else {"train": split == "train"}
        kind = getattr(datasets, class_name)
        dataset = _open_or_download(name, kind, root, arguments)
        pixels = torch.as_tensor(dataset.data)
        labels = torch.as_tensor(dataset.labels if class_name == "SVHN" else dataset.targets)
        if pixels.ndim == 3:
            pixels = pixels[:, None]
        elif class_name == "CIFAR10":
            pixels = pixels.permute(0, 3, 1, 2)
        if len(pixels) != len(labels):
            raise UserError(f"{name} in {root} has {len(pixels)} images and {len(labels)} labels.")
        classes = _names(getattr(dataset, "classes", range(10)))
        return Images(name, split, pixels.contiguous(), labels.to(torch.int64), classes)

    loader.__doc__ = f"torchvision.datasets.{class_name} at (root, split)."
    return loader


def _open_or_download(name: str, kind: Any, root: Path, arguments: Json) -> Any:
    damaged = (ValueError, EOFError, AssertionError, KeyError, pickle.UnpicklingError, TypeError)
    try:
        return kind(root, download=False, **arguments)
    except RuntimeError as error:
        if "not found" not in str(error):  # torchvision's words for missing files
            raise _corrupt(name, root, error) from error
        reason: Exception = error
    except (OSError, *damaged) as error:
        raise _corrupt(name, root, error) from error
    timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(DOWNLOAD_TIMEOUT_SECONDS)
    try:
        return kind(root, download=True, **arguments)
    except (OSError, RuntimeError) as error:
        reason = error
    except damaged as error:
        raise _corrupt(name, root, error) from error
    finally:
        socket.setdefaulttimeout(timeout)
    raise UserError(
        f"{name} is not (or not whole) in {root} and torchvision could not download it "
        f"({' '.join(str(reason).split())}): put its files there in torchvision's layout, or name "
        "another folder with IMGGEN_DATA, or with --root (imggen) or --data.root (experiments); "
        "--data.name digits needs no download."
    ) from reason


def _corrupt(name: str, root: Path, error: Exception) -> UserError:
    return UserError(
        f"The files of {name} in {root} are truncated or corrupt ({' '.join(str(error).split())}): "
        "delete them to have them downloaded again, or copy whole ones there."
    )


BY_FILES = {"camvid": camvid, "cifar10_jpeg": cifar10_jpeg, "magnetic_tile": magnetic_tile}
"""Files of photos: they are prepared one by one."""

DATASETS: dict[str, Callable[..., Images]] = {
    "digits": digits,
    "mnist": _torchvision("mnist", "MNIST"),
    "fashion_mnist": _torchvision("fashion_mnist", "FashionMNIST"),
    "kmnist": _torchvision("kmnist", "KMNIST"),
    "svhn": _torchvision("svhn", "SVHN"),
    "cifar10": _torchvision("cifar10", "CIFAR10"),
    "stacked_mnist": stacked_mnist,
    **BY_FILES,
    "folder": own_folder,
}


@dataclass(frozen=True)
class DataConfig:
    """Which images to train on."""

    name: str = "digits"
    """A dataset: digits, mnist, fashion_mnist, kmnist, svhn, cifar10, cifar10_jpeg, stacked_mnist,
    camvid, magnetic_tile, or folder: your own images."""
    root: Path | None = None
    """Folder that holds the files; default $IMGGEN_DATA, else a cache folder of the user."""
    split: str = "train"
    """Images to train on: train, test or all, or their first, as in train[:500]. Scores are taken
    against test."""
    size: int | None = None
    """Pixels of height and width: the middle square, resized; None leaves images as they are."""
    grey: bool = False
    """Make colour images grey."""

    def load(self, split: str | None = None) -> Images:
        """The images to train on, or another split of them, as they are wanted.

        Raises: UserError as `load` does, and for a size that makes no sense.
        """
        wanted = Wanted(self.size, self.grey)
        wanted.check("--data.size")
        return load(self.name, split or self.split, self.root, wanted)
