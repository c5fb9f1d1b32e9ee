"""Datasets as one uint8 tensor in memory."""

from __future__ import annotations

import difflib
import hashlib
import os
import pickle
import socket
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from imggen.errors import UserError
from imggen.folders import find_images, pixel_hashes

DOWNLOAD_TIMEOUT_SECONDS = 20
SPLITS = ("train", "test", "all")
DIGITS_TEST = 360
"""The last 360 of scikit-learn's 1,797 digits are the test split (its own order, 20 %)."""


@dataclass(frozen=True)
class Images:
    """A dataset's split: `pixels` uint8 (N, C, H, W), `labels` int64 (N,) or None."""

    name: str
    split: str
    pixels: Tensor
    labels: Tensor | None
    classes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of one image."""
        channels, height, width = self.pixels.shape[1:]
        return channels, height, width

    def blocks(self, size: int = 250) -> Iterator[Tensor]:
        """The pixels in order, uint8 (size, C, H, W) each, the last one perhaps smaller."""
        yield from self.pixels.split(size)

    @cached_property
    def sha256(self) -> str:
        """Hexadecimal SHA-256 of the pixels' bytes in (N, C, H, W) order."""
        return hashlib.sha256(self.pixels.contiguous().numpy().data).hexdigest()

    @cached_property
    def hashes(self) -> list[bytes]:
        """A hash of each image's pixels, in order."""
        return pixel_hashes(self.blocks())

    def subset(self, index: Tensor | slice) -> Images:
        """The images (and labels) at `index`."""
        labels = None if self.labels is None else self.labels[index]
        return replace(self, pixels=self.pixels[index], labels=labels)


def normalise(pixels: Tensor) -> Tensor:
    """uint8 [0, 255] -> float32 [-1, 1]."""
    return pixels.float() / 127.5 - 1


def to_uint8(x: Tensor) -> Tensor:
    """float [-1, 1] -> uint8 [0, 255], rounded to the nearest and clamped."""
    return ((x.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def data_root(root: Path | None = None) -> Path:
    """The folder that holds datasets: the argument, else $IMGGEN_DATA, else the user's cache."""
    if root is not None:
        return Path(root).expanduser()
    if os.environ.get("IMGGEN_DATA"):
        return Path(os.environ["IMGGEN_DATA"]).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "imggen"


def load(name: str, split: str = "train", root: Path | None = None) -> Images:
    """A split of a dataset by name; `all` is train followed by test.

    Raises: UserError for an unknown name or split, and for missing or damaged files.
    """
    if name not in DATASETS:
        close = difflib.get_close_matches(name, DATASETS, n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise UserError(f"Unknown dataset {name!r}: choose one of {', '.join(DATASETS)}.{hint}")
    if split not in SPLITS:
        raise UserError(f"Unknown split {split!r} of {name}: choose train, test or all.")
    if name == "folder":
        if root is None:
            raise UserError("The dataset 'folder' needs its path: give it with --data.root DIR.")
        return _folder_split(Path(root), split)
    if split == "all":
        return concatenate(load(name, "train", root), load(name, "test", root))
    return DATASETS[name](data_root(root), split)


def _folder_split(path: Path, split: str) -> Images:
    """A split of the user's own images: path/train and path/test where these exist.

    Else a tenth of the images, drawn by the hashes of their pixels, is held out as the test split.

    Raises: UserError when only one of the two folders is there.
    """
    has = {name: (path / name).is_dir() for name in ("train", "test")}
    if split == "all" or all(has.values()):
        return read_images(path, split)
    if any(has.values()):
        missing = next(name for name, there in has.items() if not there)
        raise UserError(f"{path} has no sub-folder {missing}: make train and test, or neither.")
    images = read_images(path, split)
    digests = [hashlib.sha256(row.data).digest() for row in images.pixels.flatten(1).numpy()]
    held_out = torch.tensor([digest[0] < 26 for digest in digests])
    return images.subset(held_out if split == "test" else ~held_out)


def concatenate(first: Images, second: Images) -> Images:
    """Two splits of the same dataset as one, called `all`."""
    labels = None
    if first.labels is not None and second.labels is not None:
        labels = torch.cat([first.labels, second.labels])
    return replace(
        first, split="all", pixels=torch.cat([first.pixels, second.pixels]), labels=labels
    )


def digits(root: Path, split: str) -> Images:
    """1,797 hand-written digits of 8x8 pixels (UCI, in scikit-learn): 0..16 scaled to 0..255."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    part = slice(None, -DIGITS_TEST) if split == "train" else slice(-DIGITS_TEST, None)
    pixels = np.rint(bunch.images[part] * (255 / 16)).astype(np.uint8)
    labels = torch.from_numpy(bunch.target[part].astype(np.int64))
    return Images("digits", split, torch.from_numpy(pixels)[:, None], labels, _names("0123456789"))


def _names(values: Iterable[Any]) -> tuple[str, ...]:
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


def _open_or_download(name: str, kind: Any, root: Path, arguments: dict[str, Any]) -> Any:
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


DATASETS: dict[str, Callable[[Path, str], Images]] = {
    "digits": digits,
    "mnist": _torchvision("mnist", "MNIST"),
    "fashion_mnist": _torchvision("fashion_mnist", "FashionMNIST"),
    "kmnist": _torchvision("kmnist", "KMNIST"),
    "svhn": _torchvision("svhn", "SVHN"),
    "cifar10": _torchvision("cifar10", "CIFAR10"),
    "stacked_mnist": stacked_mnist,
    "folder": read_images,
}
