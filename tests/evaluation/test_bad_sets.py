"""What `imggen evaluate` is given by mistake: one sentence and exit code 2, or a warning."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from imggen.data import files, images
from imggen.evaluation import scorecard
from imggen.evaluation.evaluate import evaluate, gather
from imggen.features import extractors
from imggen.features.extract import cache_file, choose_extractor, extract
from imggen.system.errors import UserError

GENERATOR = np.random.default_rng(0)
GREY = GENERATOR.integers(0, 256, (40, 8, 8), dtype=np.uint8)
FLOATS = GENERATOR.normal(size=(40, 5))


def scored(real, fake, train=None, against=None, utility=False, **options):
    """The result of two sets, as `imggen evaluate` has it."""
    gathered = gather(real, fake, train, against, utility=utility, **options)
    return evaluate(gathered, utility)


def arrays(folder) -> dict[str, object]:
    """Sets that no score can be taken of, and what must be said of them."""
    good = folder / "good.npy"
    np.save(good, GREY)
    np.save(folder / "features.npy", FLOATS)
    holes = FLOATS.copy()
    holes[3, 2] = np.nan
    made = {
        "nan": (holes, "NaN or infinite"),
        "infinite": (FLOATS / np.zeros((40, 1)), "NaN or infinite"),
        "huge": (FLOATS * 1e60, "above 1e+30"),
        "one": (FLOATS[:1], "holds 1 samples"),
        "few": (FLOATS[:6], "holds 6 samples"),
        "no samples": (FLOATS[:0], "needs 1 or more"),
        "no dimensions": (FLOATS[:, :0], "no dimension"),
        "other dimensions": (FLOATS[:, :3], "5 dimensions"),
        "words": (np.full((40, 5), "a"), "not numbers"),
    }
    return {name: (folder / f"{name}.npy", array, says) for name, (array, says) in made.items()}


@pytest.mark.parametrize(
    "case",
    ["nan", "infinite", "huge", "one", "few", "no samples", "no dimensions", "other dimensions",
     "words"],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_bad_features_are_refused(case, tmp_path, run):
    path, array, says = arrays(tmp_path)[case]
    np.save(path, array)
    for sets in ((tmp_path / "features.npy", path), (path, tmp_path / "features.npy")):
        done = run("imggen", "evaluate", *sets)
        assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
        assert done.stderr.startswith("error: ") and done.stdout == ""
        assert says in done.stderr or "3 dimensions" in done.stderr


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--features", "pixels", "--weights", "w.pth"), "leave one of them out"),
        (("--features", "lenet", "--weights", "w.pth"), "leave one of them out"),
        (("--seed", "-1"), "--seed is -1"),
        (("--n", "5"), "--n is 5"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, says, run):
    done = run("imggen", "evaluate", "digits:test", "digits:train", *options)
    assert done.returncode == 2 and says in done.stderr


def test_features_take_no_options_of_images(tmp_path, run):
    np.save(tmp_path / "x.npy", FLOATS)
    done = run("imggen", "evaluate", tmp_path / "x.npy", tmp_path / "x.npy", "--features", "lenet")
    assert done.returncode == 2 and "are for images" in done.stderr


@pytest.mark.parametrize("case", ["16 bits", "floats", "transparent", "bomb", "broken link"])
def test_images_whose_pixels_would_be_guessed_are_refused(case, tmp_path, run):
    folder = tmp_path / "images"
    folder.mkdir()
    for i, image in enumerate(GREY[:20]):
        Image.fromarray(image).save(folder / f"{i:02}.png")
    path = folder / "10.png"
    if case == "16 bits":
        Image.fromarray(GREY[0].astype(np.uint16) * 257).save(path)
    elif case == "floats":
        Image.fromarray(GREY[0] / np.float32(255)).save(path.with_suffix(".tif"))
    elif case == "transparent":
        Image.fromarray(np.dstack([GREY[0]] * 4)).save(path)
    elif case == "bomb":
        header = b"\x00\x00\x00\rIHDR" + (60_000).to_bytes(4, "big") * 2 + b"\x08\x00\x00\x00\x00"
        checksum = zlib.crc32(header[4:]).to_bytes(4, "big")
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + checksum)
    else:
        path.unlink()
        path.symlink_to(tmp_path / "gone.png")
    done = run("imggen", "evaluate", folder, "digits:test")
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
    assert "10." in done.stderr
    says = {"16 bits": "8 bits", "floats": "8 bits", "transparent": "flatten it",
            "broken link": "a link to nothing"}  # fmt: skip
    assert says.get(case, "can't be read as an image") in done.stderr


def test_opaque_alpha_and_palettes_are_the_pixels_that_one_sees(tmp_path):
    for i, image in enumerate(GREY[:12]):
        picture = Image.fromarray(image)
        picture = picture.convert("LA") if i % 2 else picture.convert("P")
        picture.save(tmp_path / f"{i:02}.png")
    found = files.read_folder(tmp_path)
    np.testing.assert_array_equal(found.pixels[:, 0].numpy(), GREY[:12])


def test_an_archive_with_labels_gives_its_images(tmp_path):
    np.savez(tmp_path / "labelled.npz", arr_0=np.arange(40), arr_1=GREY)
    assert len(files.read_images(tmp_path / "labelled.npz")) == 40
    np.savez(tmp_path / "two.npz", GREY, GREY)
    with pytest.raises(UserError, match=r"arr_0 \(40, 8, 8\), arr_1 .*choose one"):
        files.read_images(tmp_path / "two.npz")
    assert len(files.read_images(Path(f"{tmp_path}/two.npz:arr_1"))) == 40
    with pytest.raises(UserError, match="holds no array arr_2: it has arr_0, arr_1"):
        files.read_images(Path(f"{tmp_path}/two.npz:arr_2"))
    np.savez(tmp_path / "odd.npz", **{"a:b": GREY, "": GREY[:20]})
    assert len(files.read_images(Path(f"{tmp_path}/odd.npz:a:b"))) == 40
    assert len(files.read_images(Path(f"{tmp_path}/odd.npz:"))) == 20
    with pytest.raises(UserError, match=r"a:b \(40, 8, 8\), \(no name\) .*choose one"):
        files.read_images(tmp_path / "odd.npz")
    with pytest.raises(UserError, match=r"no array \(no name\): it has arr_0, arr_1"):
        files.read_images(Path(f"{tmp_path}/two.npz:"))
    np.savez(tmp_path / "empty.npz")
    with pytest.raises(UserError, match=r"exactly one array of images \(nothing\)"):
        files.read_images(tmp_path / "empty.npz")


def images_of(pixels: np.ndarray) -> images.Images:
    return images.Images("test", "all", torch.from_numpy(pixels)[:, None], None)


def test_pixels_of_another_shape_do_not_compare_even_if_as_many():
    with pytest.raises(UserError, match="do not match"):
        scored(images_of(GREY), images_of(GREY.reshape(40, 4, 16)))


def test_real_images_among_the_generated_ones_are_warned_of():
    result = scored(images_of(GREY[:30]), images_of(GREY[10:]))
    assert any("20 of the 30 generated samples" in warning for warning in result["warnings"])
    apart = scored(images_of(GREY[:20]), images_of(GREY[20:]))
    assert not any("generated samples are" in warning for warning in apart["warnings"])


@pytest.mark.parametrize("damage", ["other array", "nan", "other shape", "bits"])
def test_a_damaged_cache_is_made_again(damage, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    extractor = extractors.pixels_extractor((1, 8, 8))
    whole = extract(extractor, images_of(GREY), 40, 0, "real", cache=True)
    path = cache_file(extractor, whole.source["sha256"])
    if damage == "other array":
        with open(path, "wb") as file:
            np.save(file, FLOATS)
    elif damage == "bits":
        content = bytearray(path.read_bytes())
        content[8] = 99  # an unknown way to compress
        path.write_bytes(content)
    else:
        wrong = np.full_like(whole.values, np.nan) if damage == "nan" else whole.values[:9]
        np.savez(path, values=wrong)
    again = extract(extractor, images_of(GREY), 40, 0, "real", cache=True)
    np.testing.assert_array_equal(whole.values, again.values)


def test_weights_choose_inception_by_themselves(tmp_path):
    (tmp_path / "w.pth").write_bytes(b"no weights")
    grey = images.Images("test", "all", torch.zeros(20, 1, 28, 28, dtype=torch.uint8), None)
    with pytest.raises(
        UserError, match="no inception-v3-compat weights: only files of plain tensors"
    ):
        choose_extractor("auto", grey, tmp_path / "w.pth")


def test_a_card_of_collapsed_samples_is_drawn(tmp_path, run):
    """Recall is 0 and precision 1, exactly: their intervals must not leave them."""
    np.save(tmp_path / "x.npy", FLOATS)
    np.save(tmp_path / "y.npy", np.tile(FLOATS.mean(0), (40, 1)) + 1e-6 * FLOATS)
    card = tmp_path / "card.png"
    done = run("imggen", "evaluate", tmp_path / "x.npy", tmp_path / "y.npy", "--figure", card,
               "--json")  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["metrics"]
    assert found["recall"]["value"] == 0 and found["precision"]["value"] == 1
    assert card.read_bytes().startswith(b"\x89PNG")


def test_a_name_is_drawn_as_it_is():
    """Neither a failure (`$_{^$` is no mathematics) nor x*y*z in place of x$y$z."""
    rows = {"value": 0.5, "interval": [0.4, 0.6], "floor": 0.9}
    metrics = dict.fromkeys(scorecard.SHARES, rows)
    for name in ("m$_{^$", "x$y$z"):
        assert scorecard.plain(name) == name.replace("$", "\\$")
        card = scorecard.scorecard(metrics, None, name, (name, metrics))
        assert card.startswith(b"\x89PNG")


def test_a_card_shows_both_generators():
    rows = {"value": 0.5, "interval": [0.4, 0.6], "floor": 0.9}
    metrics = dict.fromkeys(scorecard.SHARES, rows)
    alone = scorecard.scorecard(metrics, None, "a against b")
    assert scorecard.scorecard(metrics, None, "a against b", ("rival", metrics)) != alone
