"""Datasets: each loader on small files in the real on-disk format, and what is refused."""

from __future__ import annotations

import gzip
import io
import pickle
import struct
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import savemat
from torchvision import datasets as torchvision_datasets

from imggen.data import datasets, files, images
from imggen.data.prepare import Wanted
from imggen.system.errors import UserError

GENERATOR = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """A download fails at once, as on a machine without network."""

    def refuse(*arguments, **keywords):
        raise OSError("no network in tests")

    monkeypatch.setattr("urllib.request.urlopen", refuse)


def idx(array: np.ndarray) -> bytes:
    """The IDX format of the MNIST family."""
    header = struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.tobytes()


def write_mnist(folder: Path, n: int = 12, compress: bool = False) -> np.ndarray:
    folder.mkdir(parents=True)
    for prefix in ("train", "t10k"):
        images = GENERATOR.integers(0, 256, (n, 28, 28), dtype=np.uint8)
        labels = (np.arange(n) % 10).astype(np.uint8)
        for name, array in (("images-idx3", images), ("labels-idx1", labels)):
            path = folder / f"{prefix}-{name}-ubyte"
            path.write_bytes(idx(array))
            if compress:
                Path(f"{path}.gz").write_bytes(gzip.compress(path.read_bytes()))
    return images


@pytest.mark.parametrize(
    ("name", "folder"),
    [("mnist", "MNIST"), ("fashion_mnist", "FashionMNIST"), ("kmnist", "KMNIST")],
)
def test_the_mnist_family_is_read_from_idx_files(tmp_path, name, folder):
    last = write_mnist(tmp_path / folder / "raw")
    images = datasets.load(name, "test", tmp_path)
    assert images.shape == (1, 28, 28)
    assert (images.pixels[:, 0].numpy() == last).all()
    assert images.labels is not None and images.labels.tolist() == [i % 10 for i in range(12)]
    assert len(datasets.load(name, "all", tmp_path)) == 24


def test_svhn_is_read_from_mat_files(tmp_path, monkeypatch):
    pixels = GENERATOR.integers(0, 256, (32, 32, 3, 7), dtype=np.uint8)
    labels = np.array([[1], [2], [10], [4], [5], [6], [7]], dtype=np.uint8)
    savemat(tmp_path / "test_32x32.mat", {"X": pixels, "y": labels})
    monkeypatch.setattr(torchvision_datasets.SVHN, "_check_integrity", lambda self: True)
    images = datasets.load("svhn", "test", tmp_path)
    assert images.shape == (3, 32, 32)
    assert (images.pixels[3].numpy() == pixels[:, :, :, 3].transpose(2, 0, 1)).all()
    assert images.labels is not None and images.labels[2] == 0  # SVHN's files say 10 for zero


def test_cifar10_is_read_from_pickled_batches(tmp_path, monkeypatch):
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    flat = GENERATOR.integers(0, 256, (5, 3072), dtype=np.uint8)
    names = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    for name in names:
        (folder / name).write_bytes(pickle.dumps({"data": flat, "labels": [0, 1, 2, 3, 4]}))
    classes = [f"class {i}" for i in range(10)]
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": classes}))
    monkeypatch.setattr(torchvision_datasets.CIFAR10, "_check_integrity", lambda self: True)
    monkeypatch.setattr("torchvision.datasets.cifar.check_integrity", lambda *a: True)
    images = datasets.load("cifar10", "train", tmp_path)
    assert images.shape == (3, 32, 32) and len(images) == 25
    assert (images.pixels[0].numpy() == flat[0].reshape(3, 32, 32)).all()
    assert images.classes[1] == "class 1"


def test_digits_need_no_file_and_never_change():
    train, test = datasets.load("digits"), datasets.load("digits", "test")
    assert (len(train), len(test), train.shape) == (1437, 360, (1, 8, 8))
    assert int(train.pixels.max()) == 255
    assert test.sha256 == datasets.load("digits", "all").subset(slice(1437, None)).sha256
    with pytest.MonkeyPatch.context() as patch:  # another version may keep them elsewhere
        patch.setattr(datasets, "DIGITS_FILE", Path("elsewhere"))
        again = datasets.load("digits", "test")
    assert again.sha256 == test.sha256 and torch.equal(again.labels, test.labels)
    assert train.sha256 == "1a5fd3b5c524e826767083c882fe4f8c91850d3568a78caadaa66eb3fe78f5b6"


def test_the_real_mnist_is_bit_exact(mnist_root):
    train, test = (
        datasets.load("mnist", "train", mnist_root),
        datasets.load("mnist", "test", mnist_root),
    )
    assert (len(train), len(test)) == (60_000, 10_000)
    assert train.sha256 == "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757"
    assert train.labels is not None and train.labels[:5].tolist() == [5, 0, 4, 1, 9]


def test_normalise_and_to_uint8_are_inverse():
    pixels = torch.arange(256, dtype=torch.uint8)
    x = images.normalise(pixels)
    assert x.min() == -1 and x.max() == 1
    assert (images.to_uint8(x) == pixels).all()
    assert images.to_uint8(torch.tensor([-3.0, 3.0])).tolist() == [0, 255]


def save(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def test_a_folder_gives_classes_and_keeps_grey_images_grey(tmp_path):
    for i, name in enumerate(("cat/b.png", "cat/a.png", "dog/c.png")):
        save(tmp_path / name, np.full((6, 5), 10 * i, dtype=np.uint8))
    images = files.read_images(tmp_path)
    assert images.shape == (1, 6, 5) and images.classes == ("cat", "dog")
    assert images.pixels[:, 0, 0, 0].tolist() == [10, 0, 20]
    save(tmp_path / "dog/d.png", np.zeros((6, 5, 3), dtype=np.uint8))
    assert files.read_images(tmp_path).shape == (3, 6, 5)


def test_arrays_are_read_with_and_without_channels(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((4, 8, 9), dtype=np.uint8))
    np.savez(tmp_path / "b.npz", images=np.zeros((4, 8, 9, 3), dtype=np.uint8))
    assert files.read_images(tmp_path / "a.npy").shape == (1, 8, 9)
    assert files.read_images(tmp_path / "b.npz").shape == (3, 8, 9)


def refused(call, *says: str) -> None:
    with pytest.raises(UserError) as error:
        call()
    message = str(error.value)
    assert "\n" not in message and message.endswith((".", "?"))
    for part in says:
        assert part in message, message


def test_unknown_names_are_refused_with_what_there_is():
    refused(lambda: datasets.load("mnits"), "mnits", "mnist", "Did you mean")
    refused(lambda: datasets.load("digits", "valid"), "valid", "train, test or all")
    refused(lambda: datasets.load("folder"), "--data.root")


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "kmnist", "svhn", "cifar10"])
def test_missing_data_says_where_files_go_and_what_needs_none(tmp_path, name):
    refused(
        lambda: datasets.load(name, "train", tmp_path), name, str(tmp_path), "--data.name digits"
    )


@pytest.mark.parametrize("keep", [0, 3, 10, 1000])
def test_truncated_mnist_is_refused(tmp_path, keep):
    write_mnist(tmp_path / "MNIST" / "raw")
    file = tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte"
    file.write_bytes(file.read_bytes()[:keep])
    refused(lambda: datasets.load("mnist", "train", tmp_path), "mnist", str(tmp_path), "corrupt")


def test_images_without_their_labels_are_refused(tmp_path):
    write_mnist(tmp_path / "MNIST" / "raw")
    labels = tmp_path / "MNIST" / "raw" / "train-labels-idx1-ubyte"
    labels.write_bytes(idx(np.zeros(5, dtype=np.uint8)))
    refused(lambda: datasets.load("mnist", "train", tmp_path), "12 images and 5 labels")


def test_bad_folders_are_refused(tmp_path):
    refused(lambda: files.read_images(tmp_path / "nowhere"), "does not exist")
    (tmp_path / "empty").mkdir()
    refused(lambda: files.read_images(tmp_path / "empty"), "holds no images")
    save(tmp_path / "mixed/a.png", np.zeros((6, 5), dtype=np.uint8))
    save(tmp_path / "mixed/b.png", np.zeros((7, 5), dtype=np.uint8))
    refused(lambda: files.read_images(tmp_path / "mixed"), "different sizes", "b.png", "5x7")
    save(tmp_path / "broken/a.png", np.zeros((6, 5), dtype=np.uint8))
    (tmp_path / "broken/b.png").write_bytes((tmp_path / "broken/a.png").read_bytes()[:40])
    refused(lambda: files.read_images(tmp_path / "broken"), "b.png", "can't be read")


def test_bad_arrays_are_refused(tmp_path):
    np.save(tmp_path / "float.npy", np.zeros((4, 8, 9)))
    refused(lambda: files.read_images(tmp_path / "float.npy"), "float64", "uint8")
    np.save(tmp_path / "shape.npy", np.zeros((4, 8), dtype=np.uint8))
    refused(lambda: files.read_images(tmp_path / "shape.npy"), "(4, 8)")
    np.savez(tmp_path / "cut.npz", images=np.zeros((40, 8, 9), dtype=np.uint8))
    (tmp_path / "cut.npz").write_bytes((tmp_path / "cut.npz").read_bytes()[:100])
    refused(lambda: files.read_images(tmp_path / "cut.npz"), "cut.npz")
    (tmp_path / "text.txt").write_text("hello")
    refused(lambda: files.read_images(tmp_path / "text.txt"), "no folder, .npy or .npz")


def test_a_folder_without_splits_holds_some_images_out(tmp_path, monkeypatch):
    from PIL import Image

    generator = np.random.default_rng(0)
    for i in range(200):
        pixels = generator.integers(0, 256, (8, 8), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{i}.png")
    train, test = (datasets.load("folder", split, tmp_path) for split in ("train", "test"))
    monkeypatch.chdir(tmp_path.parent)
    relative = datasets.load("folder", "train", Path(tmp_path.name))
    assert relative.name == train.name == tmp_path.name, "called the same however it is named"
    assert relative.sha256 == train.sha256
    assert len(train) + len(test) == 200 and 8 <= len(test) <= 40
    seen = {row.numpy().tobytes() for row in train.pixels}
    assert not any(row.numpy().tobytes() in seen for row in test.pixels)
    assert len(datasets.load("folder", "all", tmp_path)) == 200
    (tmp_path / "train").mkdir()
    with pytest.raises(UserError, match="no sub-folder test"):
        datasets.load("folder", "test", tmp_path)


def test_the_first_images_of_a_split():
    few, train = datasets.load("digits", "train[:100]"), datasets.load("digits")
    assert len(few) == 100 and few.split == "train[:100]" and few.name == "digits"
    assert torch.equal(few.pixels, train.pixels[:100])
    assert few.labels is not None and train.labels is not None
    assert torch.equal(few.labels, train.labels[:100])
    for split in ("test[:361]", "test[:0]"):
        refused(lambda split=split: datasets.load("digits", split), "from 1 to 360")
    for split in ("val[:3]", "train[5:]"):
        refused(lambda split=split: datasets.load("digits", split), "Unknown split")


def write_archive(path: Path, members: dict[str, bytes]) -> None:
    """A .tar.xz of these files."""
    with tarfile.open(path, "w:xz") as archive:
        for name, content in members.items():
            about = tarfile.TarInfo(name)
            about.size = len(content)
            archive.addfile(about, io.BytesIO(content))


def jpeg(value: int, side: int = 32) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), (value, 0, 0)).save(buffer, "JPEG")
    return buffer.getvalue()


def test_jpeg_copies_of_cifar_are_read_from_their_archive(tmp_path):
    files = {"test/frog/0001.jpg": jpeg(200), "test/bird/0000.jpg": jpeg(90)}
    others = {"train/frog/0000.jpg": jpeg(10), "test/frog/notes.txt": b"x", "README": b"x"}
    write_archive(tmp_path / "cifar10-jpeg-q75.tar.xz", files | others)
    found = datasets.load("cifar10_jpeg", "test", tmp_path)
    assert found.pixels.shape == (2, 3, 32, 32) and found.classes == ("bird", "frog")
    assert found.labels.tolist() == [0, 1]
    assert found.pixels[:, 0].float().mean(dim=(1, 2)).tolist() == pytest.approx([90, 200], abs=3)
    assert not any((tmp_path / part).exists() for part in ("test", "train")), "nothing is unpacked"
    grey = datasets.load("cifar10_jpeg", "train", tmp_path, Wanted(size=8, grey=True))
    assert grey.pixels.shape == (1, 1, 8, 8)


def test_a_damaged_or_other_archive_is_refused(tmp_path):
    path = tmp_path / "cifar10-jpeg-q75.tar.xz"
    with pytest.raises(UserError, match="cifar10_jpeg is not in"):
        datasets.load("cifar10_jpeg", "test", tmp_path)
    write_archive(path, {"test/frog/0000.jpg": jpeg(1)})
    with pytest.raises(UserError, match=r"holds no train/CLASS/NNNN\.jpg"):
        datasets.load("cifar10_jpeg", "train", tmp_path)
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"no archive", b""):
        path.write_bytes(damaged)
        with pytest.raises(UserError, match="truncated or corrupt"):
            datasets.load("cifar10_jpeg", "test", tmp_path)
    write_archive(path, {"test/frog/0000.jpg": b"no image"})
    with pytest.raises(UserError, match=r"0000\.jpg can't be read as an image"):
        datasets.load("cifar10_jpeg", "test", tmp_path)
    write_archive(path, {"test/frog/0000.jpg": jpeg(1, side=31)})
    with pytest.raises(UserError, match="is not 32x32 pixels"):
        datasets.load("cifar10_jpeg", "test", tmp_path)
    write_archive(path, {"test/frog/0000.jpg": b"x" * 1_000_001})
    with pytest.raises(UserError, match="too large, or there twice"):
        datasets.load("cifar10_jpeg", "test", tmp_path)


def test_names_that_lead_elsewhere_are_no_part_of_the_archive(tmp_path):
    odd = (
        "test/../0.jpg",
        "test//0.jpg",
        "/test/frog/1.jpg",
        "test/a/b/0.jpg",
        "x/test/frog/0.jpg",
    )
    members = dict.fromkeys(odd, jpeg(1)) | {"./test/frog/0.jpg": jpeg(7)}
    write_archive(tmp_path / "cifar10-jpeg-q75.tar.xz", members)
    found = datasets.load("cifar10_jpeg", "test", tmp_path)
    assert found.classes == ("frog",) and len(found) == 1
