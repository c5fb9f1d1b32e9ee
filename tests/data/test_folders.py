"""Folders as people have them: sizes, colours, splits, links, cameras held upright."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from imggen.data import datasets, files
from imggen.data.headers import header
from imggen.data.images import Images
from imggen.data.prepare import Wanted
from imggen.system.errors import UserError

RANDOM = np.random.default_rng(0)


def photos(folder: Path, sizes: list[tuple[int, int]], colour: bool = True, suffix: str = ".png"):
    """Random images (width, height) called 000, 001, ..."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, (width, height) in enumerate(sizes):
        shape = (height, width, 3) if colour else (height, width)
        pixels = RANDOM.integers(0, 256, shape, dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:03}{suffix}")


def test_all_sizes_become_the_middle_square(tmp_path):
    photos(tmp_path, [(40, 20), (20, 60), (16, 16)])
    with pytest.raises(UserError, match=r"--data\.size 64"):
        files.read_images(tmp_path)
    found = files.read_images(tmp_path, wanted=Wanted(size=10))
    assert found.shape == (3, 10, 10)
    whole = np.asarray(Image.open(tmp_path / "000.png"))[:, 10:30]
    expected = np.asarray(Image.fromarray(whole).resize((10, 10), Image.Resampling.BICUBIC))
    difference = found.pixels[0].permute(1, 2, 0).numpy().astype(int) - expected
    assert np.abs(difference).max() <= 2, "as Pillow resizes, to rounding"


def test_files_and_arrays_are_prepared_alike(tmp_path):
    photos(tmp_path / "x", [(12, 9)] * 5)
    pixels = files.read_images(tmp_path / "x").pixels
    np.save(tmp_path / "x.npy", pixels.permute(0, 2, 3, 1).numpy())
    wanted = Wanted(size=6, grey=True)
    a, b = (files.read_images(tmp_path / name, wanted=wanted) for name in ("x", "x.npy"))
    assert a.shape == b.shape == (1, 6, 6) and torch.equal(a.pixels, b.pixels)
    as_one = wanted.images(Images("x", "all", pixels, None))
    assert torch.equal(as_one.pixels, a.pixels)


def test_grey_files_stay_as_they_are_when_grey_is_asked_for(tmp_path):
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    Image.fromarray(ramp).save(tmp_path / "a.png")
    found = files.read_images(tmp_path, wanted=Wanted(grey=True))
    assert torch.equal(found.pixels[0, 0], torch.from_numpy(ramp))
    same = Wanted(grey=True).apply(torch.from_numpy(ramp)[None, None].expand(1, 3, -1, -1))
    assert torch.equal(same[0, 0], torch.from_numpy(ramp)), "nor does grey in three channels change"


def test_a_folder_with_a_manifest_of_its_own_is_no_run(tmp_path):
    photos(tmp_path, [(8, 8)] * 3)
    (tmp_path / "manifest.json").write_text("{}")
    assert len(files.read_images(tmp_path)) == 3


def test_headers_of_png_are_read_without_their_pixels(tmp_path, monkeypatch):
    from PIL import PngImagePlugin

    photos(tmp_path, [(8, 8)] * 3)
    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", lambda self: 1 / 0)
    assert len(files.find_images(tmp_path)) == 3


def test_a_photo_is_turned_as_its_camera_was_held(tmp_path):
    pixels = np.zeros((6, 10), np.uint8)
    pixels[:, :3] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn clockwise to be shown
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    found = files.read_images(tmp_path)
    assert found.shape == (1, 10, 6)
    assert torch.equal(found.pixels[0, 0], torch.from_numpy(np.rot90(pixels, -1).copy()))


def test_links_are_followed_once_and_what_is_hidden_is_left_out(tmp_path):
    photos(tmp_path / "elsewhere", [(8, 8)] * 3)
    photos(tmp_path / "x" / "cat", [(8, 8)] * 2)
    photos(tmp_path / "x" / ".ipynb_checkpoints", [(8, 8)] * 2)
    photos(tmp_path / "x" / "cat" / ".hidden", [(5, 5)])
    os.symlink(tmp_path / "elsewhere", tmp_path / "x" / "dog")
    os.symlink(tmp_path / "x", tmp_path / "x" / "dog" / "round")
    found = files.read_images(tmp_path / "x")
    assert len(found) == 5 and found.classes == ("cat", "dog")
    assert found.labels.tolist() == [0, 0, 1, 1, 1]


def test_unreadable_files_are_left_out_when_asked_and_counted(tmp_path, monkeypatch):
    photos(tmp_path, [(8, 8)] * 4)
    (tmp_path / "bad.png").write_bytes(b"no image")
    whole = (tmp_path / "003.png").read_bytes()
    (tmp_path / "003.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="can't be read"):
        files.find_images(tmp_path)
    with pytest.warns(UserWarning, match="2 of the 5 images"):
        found = files.find_images(tmp_path, skip_unreadable=True)
    assert len(found) == 3 and found.left_out == 2
    (tmp_path / "z.heic").touch()
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere")
    (tmp_path / "notes.txt").symlink_to(tmp_path / "nowhere")
    read: list[Path] = []
    monkeypatch.setattr(files, "header", lambda path: read.append(path) or header(path))
    with pytest.warns(UserWarning, match="4 of the 7 images"):
        found = files.find_images(tmp_path, skip_unreadable=True)
    assert len(found) == 3 and found.left_out == 4, "other kinds of images count too"
    assert len(read) == len(set(read)) == 5, "each header is read once"


def test_validation_images_are_told_and_belong_to_all(tmp_path):
    for part, n in (("train", 4), ("val", 3), ("test", 2)):
        for name in ("a", "b"):
            photos(tmp_path / part / name, [(8, 8)] * n)
    with pytest.warns(UserWarning, match="val is left out"):
        assert len(datasets.load("folder", "train", tmp_path)) == 8
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        everything = datasets.load("folder", "all", tmp_path)
    assert len(everything) == 18 and everything.classes == ("a", "b")


def test_road_scenes_have_their_label_maps_as_sources(tmp_path):
    for part, n in (("train", 3), ("val", 2), ("test", 2)):
        photos(tmp_path / "camvid" / "images" / part, [(16, 12)] * n)
        photos(tmp_path / "camvid" / "labels" / part, [(16, 12)] * n, colour=False)
    train = datasets.load("camvid", "train", tmp_path)
    assert len(train) == 5 and train.shape == (3, 12, 16) and train.sources.shape == (5, 1, 12, 16)
    small = datasets.load("camvid", "test", tmp_path, Wanted(size=8))
    assert small.shape == (3, 8, 8) and small.sources.shape == (2, 1, 8, 8)
    original = datasets.load("camvid", "test", tmp_path).sources
    assert set(small.sources.unique().tolist()) <= set(original.unique().tolist()), "still labels"
    assert len(datasets.load("camvid", "all", tmp_path)) == 7
    (tmp_path / "camvid" / "labels" / "test" / "000.png").unlink()
    with pytest.raises(UserError, match="needs its label map"):
        datasets.load("camvid", "test", tmp_path)


def test_tiles_are_those_without_defects_and_not_their_masks(tmp_path):
    photos(tmp_path / "magnetic-tile" / "MT_Free", [(30, 20 + i) for i in range(40)], False, ".jpg")
    photos(tmp_path / "magnetic-tile" / "MT_Free", [(30, 20 + i) for i in range(40)], False)
    parts = [datasets.load("magnetic_tile", split, tmp_path, Wanted(size=8))
             for split in ("train", "test")]  # fmt: skip
    assert sum(map(len, parts)) == 40 and parts[0].shape == (1, 8, 8)
    assert not set(parts[0].hashes) & set(parts[1].hashes)


def test_evaluate_prepares_both_sets_and_says_so(run, tmp_path):
    photos(tmp_path / "x", [(30, 20)] * 20 + [(20, 40)] * 20)
    done = run("imggen", "evaluate", tmp_path / "x", "digits:test", "--size", "8", "--grey",
               "--json")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert '"images": "the middle square at 8x8 and grey"' in done.stdout


SEVERAL = ("gif", "png", "webp", "tif")


@pytest.mark.parametrize("suffix", SEVERAL)
def test_a_file_of_several_pictures_is_refused_and_left_out_when_asked(tmp_path, suffix):
    photos(tmp_path, [(8, 8)] * 3)
    first, *others = (Image.open(tmp_path / f"00{i}.png") for i in range(3))
    first.save(tmp_path / f"moves.{suffix}", save_all=True, append_images=others)
    with pytest.raises(UserError, match=rf"moves\.{suffix} holds several pictures"):
        files.find_images(tmp_path)
    with pytest.warns(UserWarning, match="1 of the 4 images"):
        assert files.find_images(tmp_path, skip_unreadable=True).left_out == 1


def test_what_a_camera_puts_behind_a_photo_does_not_count(tmp_path):
    photos(tmp_path, [(8, 8)] * 2)
    photo, preview = (Image.open(tmp_path / f"00{i}.png") for i in range(2))
    photo.save(tmp_path / "photo.jpg", "MPO", save_all=True, append_images=[preview])
    assert len(files.find_images(tmp_path)) == 3
