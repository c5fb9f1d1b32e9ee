"""Which datasets lie below a folder, and whether their files are whole: a look, no loading."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, NamedTuple

from imggen.data.archives import CIFAR10_JPEG
from imggen.data.datasets import DATASETS
from imggen.data.headers import header, image_files
from imggen.system.errors import UserError

IDX = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
IDX_FOLDERS = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST", "kmnist": "KMNIST",
               "stacked_mnist": "MNIST"}  # fmt: skip
XZ_END = b"YZ"
CAMVID_PARTS = ("train", "val", "test")


class Found(NamedTuple):
    """What there is of a dataset."""

    state: Literal["whole", "absent", "damaged"]
    about: str
    """Where it would be, or what is wrong with it."""


class Damaged(Exception):
    """A file is missing among others, cut or changed."""


def found(root: Path) -> dict[str, Found]:
    """State of each dataset that has a name, below a folder."""
    return {name: _look(name, root) for name in DATASETS if name != "folder"}


def _look(name: str, root: Path) -> Found:
    if name == "digits":  # comes with scikit-learn
        here = find_spec("sklearn") is not None
        return Found("whole", "in scikit-learn") if here else Found("absent", "scikit-learn")
    place, check = _checks(name, root)
    # A download that failed leaves empty folders behind.
    try:
        if not place.is_file() and not any(path.is_file() for path in place.rglob("*")):
            return Found("absent", str(place))
        return Found("whole", f"{check(place)} files")
    except (Damaged, UserError, OSError, struct.error) as error:
        return Found("damaged", " ".join(str(error).split()))


def _checks(name: str, root: Path) -> tuple[Path, Callable[[Path], int]]:
    """Where a dataset lies, and what counts its files, or raises Damaged."""
    if name in IDX_FOLDERS:
        return root / IDX_FOLDERS[name] / "raw", _idx_files
    return {
        "cifar10": (root / "cifar-10-batches-py", _cifar10),
        "svhn": (root / "train_32x32.mat", _svhn),
        "cifar10_jpeg": (root / CIFAR10_JPEG, _xz),
        "camvid": (root / "camvid", _camvid),
        "magnetic_tile": (root / "magnetic-tile" / "MT_Free", _photos),
    }[name]


def _idx_files(folder: Path) -> int:
    """Each file's length is what its first bytes say: type, dimensions, their sizes."""
    for name in IDX:
        path = _there(folder / f"{name}-ubyte")
        with open(path, "rb") as file:
            dimensions = int(name[-1])
            magic, *sizes = struct.unpack(f">{dimensions + 1}I", file.read(4 * dimensions + 4))
        expected = 4 * dimensions + 4
        elements = 1
        for size in sizes:
            elements *= size
        if magic != 0x800 + dimensions or path.stat().st_size != expected + elements:
            raise Damaged(f"{path} is not as long as it says.")
    return len(IDX)


def _cifar10(folder: Path) -> int:
    from torchvision.datasets import CIFAR10

    return _sums((folder / name, md5) for name, md5 in CIFAR10.train_list + CIFAR10.test_list)


def _svhn(path: Path) -> int:
    from torchvision.datasets import SVHN

    wanted = (SVHN.split_list[split] for split in ("train", "test"))
    return _sums((path.parent / name, md5) for _, name, md5 in wanted)


def _sums(files: Iterator[tuple[Path, str]]) -> int:
    from torchvision.datasets.utils import check_integrity

    count = 0
    for path, md5 in files:
        if not check_integrity(str(_there(path)), md5):
            raise Damaged(f"{path} is not the file that was published.")
        count += 1
    return count


def _xz(path: Path) -> int:
    with open(path, "rb") as file:
        start = file.read(6)
        file.seek(-2, 2)
        if start != b"\xfd7zXZ\0" or file.read() != XZ_END:
            raise Damaged(f"{path} is cut, or no .xz archive.")
    return 1


def _camvid(folder: Path) -> int:
    """Each photo has its label map; headers can be read."""
    files = 0
    for part in CAMVID_PARTS:
        photos, maps = (image_files(_there(folder / kind / part)) for kind in ("images", "labels"))
        alone = {path.name for path in photos} ^ {path.name for path in maps}
        if alone or not photos:
            raise Damaged(f"{folder}/*/{part} has photos without label maps, or none.")
        files += _photos(folder / "images" / part) + _photos(folder / "labels" / part)
    return files


def _photos(folder: Path) -> int:
    """Headers of all images can be read."""
    paths = image_files(folder)
    for path in paths:
        header(path)
    return len(paths)


def _there(path: Path) -> Path:
    if not path.exists():
        raise Damaged(f"{path} is missing.")
    return path
