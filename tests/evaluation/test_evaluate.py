"""From two sets to a table: sources, cache, comparison, and what is refused."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch
from PIL import Image
from shortcuts import bootstraps, lessons

from imggen.data import datasets, images
from imggen.evaluation import by_images, report, resolve
from imggen.evaluation.catalogue import METRICS
from imggen.evaluation.evaluate import evaluate, gather
from imggen.features import extract, extractors
from imggen.metrics import clipped, frechet, kid, neighbours
from imggen.metrics.certainty.estimate import compare
from imggen.system.errors import UserError


def scored(real, fake, train=None, against=None, utility=False, **options):
    """The result of two sets, as `imggen evaluate` has it."""
    gathered = gather(real, fake, train, against, utility=utility, **options)
    return evaluate(gathered, utility)


def images_of(pixels: torch.Tensor, name: str = "test") -> images.Images:
    return images.Images(name, "all", pixels, None)


def noise(seed: int, n: int = 60, high: int = 256) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, high, (n, 1, 8, 8), dtype=torch.uint8, generator=generator)


def write_folder(folder, pixels: torch.Tensor, names=lambda i: f"{i}.png"):
    folder.mkdir()
    for i, image in enumerate(pixels[:, 0].numpy()):
        Image.fromarray(image).save(folder / names(i))
    return folder


def test_every_metric_is_reported_with_what_it_sees():
    result = scored(images_of(noise(0, 300)), images_of(noise(1, 300)), images_of(noise(2, 400)))
    elsewhere = {"nll_nats", "elbo_nats", "bits_per_dim", "gan_train", "gan_test"}
    elsewhere |= {"modes", "mode_divergence", "agreement"}
    assert set(result["metrics"]) == set(METRICS) - elsewhere
    for row in result["metrics"].values():
        assert row["sees"] and row["better"] in ("lower", "higher", "floor")
        if row["value"] is None:
            assert row["note"].endswith(".") or ":" in row["note"]
        else:
            low, high = row["interval"]
            assert low <= row["value"] + 1e-9 and row["value"] <= high + 1e-9
    assert result["train"]["n"] == 400 and result["floor"]["n"] == 300
    json.dumps(result, allow_nan=False)


def test_a_copycat_is_seen_by_the_memorisation_metrics_and_by_no_other():
    train, test, new = noise(3, 400), noise(4, 300), noise(5, 300)
    honest = scored(images_of(test), images_of(new), images_of(train))["metrics"]
    copies = scored(images_of(test), images_of(train[:300]), images_of(train))["metrics"]
    assert copies["copied"]["value"] == 1 and honest["copied"]["value"] == 0
    assert copies["authenticity"]["value"] < 0.1 < honest["authenticity"]["value"]
    assert copies["data_copying"]["interval"][1] < -1
    low, high = honest["precision"]["interval"]
    assert low - 0.05 <= copies["precision"]["value"] <= high + 0.05


def test_features_of_ones_own_are_scored(tmp_path, run):
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(2, 200, 5)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", y)
    done = run("imggen", "evaluate", tmp_path / "x.npy", tmp_path / "y.npy", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    expected = frechet.frechet_distance(x, y)
    assert found["metrics"]["frechet_distance"]["value"] == pytest.approx(expected, rel=1e-9)
    assert found["features"] == {"name": "given", "dim": 5}


def test_the_cache_spares_the_network_and_survives_damage(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    images, extractor = images_of(noise(6)), extractors.pixels_extractor((1, 8, 8))
    first = extract.extract(extractor, images, 60, 0, "real", cache=True)
    (file,) = (tmp_path / "imggen" / "features").iterdir()
    with monkeypatch.context() as patch:
        patch.setattr(extractors, "extract", None)
        again = extract.extract(extractor, images, 60, 0, "real", cache=True)
    np.testing.assert_array_equal(first.values, again.values)
    file.write_bytes(file.read_bytes()[:100])
    whole = extract.extract(extractor, images, 60, 0, "real", cache=True)
    np.testing.assert_array_equal(first.values, whole.values)


def test_a_folder_an_array_and_other_names_give_the_same_bits(tmp_path):
    pixels = noise(7, 90)
    folder = write_folder(tmp_path / "a", pixels, lambda i: f"{(i * 37) % 90:03}.png")
    np.save(tmp_path / "b.npy", pixels[:, 0].numpy())
    other = images_of(noise(8, 80))
    a, b = (
        scored(resolve.resolve(str(tmp_path / name)), other, n=70)["metrics"]
        for name in ("a", "b.npy")
    )
    assert a == b and folder.is_dir()


def test_threads_change_no_metric_beyond_rounding():
    real, fake = images_of(noise(9, 300)), images_of(noise(10, 300, high=230))
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found.append(scored(real, fake, features="lenet")["metrics"])
    finally:
        torch.set_num_threads(before)
    for name, row in found[0].items():
        if row["value"] is not None:
            assert row["value"] == pytest.approx(found[1][name]["value"], rel=1e-3, abs=1e-6), name


def test_two_generators_are_compared_on_the_same_real_images(tmp_path):
    real, good = images_of(noise(11, 300)), images_of(noise(12, 300))
    bad = images_of(noise(13, 300, high=150))
    result = scored(real, good, against=bad, train=images_of(noise(14, 300)))
    assert result["comparison"]["frechet_distance"]["better"] == "first"
    assert result["comparison"]["kid"]["better"] == "first"
    assert result["comparison"]["pairwise_diversity"]["p_value"] < 1e-6
    swapped = scored(real, bad, against=good)["comparison"]["frechet_distance"]
    assert swapped["better"] == "second"
    same = scored(real, good, against=good)["comparison"]
    assert {row["better"] for row in same.values()} == {"undecided"}


@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_equal_generators_seldom_differ(shift, monkeypatch):
    """At most one comparison in ten has p < 0.05; fewer where a metric's variance is overstated."""
    bootstraps(monkeypatch, 20)
    differ: dict[str, list[bool]] = {}
    for seed in range(60):
        real, a, b = np.random.default_rng(seed).normal(size=(3, 250, 4))
        found = []
        for fake in (a + shift, b + shift):
            near = neighbours.neighbourhoods(real, fake)
            found.append(near.estimates() | {
                "frechet": frechet.estimate(real, fake),
                "kid": kid.estimate(real, fake),
                "clipped_density": clipped.clipped_density(near),
                "clipped_coverage": clipped.clipped_coverage(near),
            })  # fmt: skip
        for name in found[0]:
            p = compare(found[0][name], found[1][name]).p_value
            differ.setdefault(name, []).append(p < 0.05)
    for name, cases in differ.items():
        assert np.mean(cases) <= 0.12, name
    if shift:
        assert np.mean(differ["frechet"]) >= 0.01 and np.mean(differ["density"]) >= 0.01


def test_classes_are_compared_by_name(tmp_path, monkeypatch):
    lessons(monkeypatch, 150)  # enough for digits of 8 pixels
    digits = datasets.load("digits", "train")
    for folder, kept in (("real", range(4)), ("fake", range(1, 4))):
        for label in kept:
            chosen = digits.pixels[digits.labels == label][:60]
            write_folder(make(tmp_path / folder / str(label)), chosen)
    sides = [resolve.resolve(str(tmp_path / name)) for name in ("real", "fake")]
    found = scored(*sides, utility=True, n=0)["metrics"]
    assert found["gan_test"]["value"] > 0.9, "the same digits, by name"
    with pytest.raises(UserError, match="needs the same names"):
        scored(sides[1], sides[0], utility=True)
    with pytest.raises(UserError, match="has none"):
        scored(sides[0], images_of(noise(1)), utility=True)


def make(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def test_a_picture_of_unlike_shapes_is_drawn(tmp_path, run):
    real = write_folder(tmp_path / "real", noise(20, 150))
    large = torch.nn.functional.interpolate(noise(21, 150).float(), 12).to(torch.uint8)
    fake = write_folder(tmp_path / "fake", large)
    done = run(
        "imggen", "evaluate", real, fake, "--train", real, "--features", "lenet",
        "--figure", tmp_path / "card.png",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert Image.open(tmp_path / "card.png").size[1] > 800


BAD = {
    "a damaged file": "can't be read as an image",
    "mixed sizes": "different sizes",
    "features against images": "holds features and the other images",
    "NaN": "NaN",
    "another dimension": "dimensions",
}


@pytest.mark.parametrize("case", BAD)
def test_bad_sets_are_refused_in_one_sentence(case, run, tmp_path):
    folder = write_folder(tmp_path / "real", noise(15, 300))
    real, fake = folder, write_folder(tmp_path / "fake", noise(16, 300))
    if case == "a damaged file":
        victim = fake / "150.png"
        victim.write_bytes(victim.read_bytes()[:60])
    elif case == "mixed sizes":
        Image.fromarray(np.zeros((9, 9), np.uint8)).save(fake / "150.png")
    elif case == "features against images":
        np.save(tmp_path / "x.npy", np.zeros((20, 3)))
        real = tmp_path / "x.npy"
    else:
        x = np.random.default_rng(0).normal(size=(50, 4))
        np.save(tmp_path / "x.npy", x)
        np.save(tmp_path / "y.npy", np.full_like(x, np.nan) if case == "NaN" else x[:, :3])
        real, fake = tmp_path / "x.npy", tmp_path / "y.npy"
    done = run("imggen", "evaluate", real, fake)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and BAD[case] in lines[0], done.stderr


def test_weights_whose_name_promises_another_hash_are_refused(tmp_path):
    path = tmp_path / "weights-inception-2015-12-05-6726825d.pth"
    path.write_bytes(b"not the weights")
    with pytest.raises(UserError, match="is damaged"):
        extract.choose_extractor("inception", images_of(noise(17)), path)
    with pytest.raises(UserError, match="needs its weights file"):
        extract.choose_extractor("vgg16", images_of(noise(17)))


def test_constant_features_are_scored_without_a_crash():
    flat = images_of(torch.full((50, 1, 8, 8), 7, dtype=torch.uint8))
    result = scored(flat, images_of(noise(18, 50)))
    assert result["metrics"]["pairwise_diversity"]["value"] is None
    assert "nothing to compare" in result["metrics"]["pairwise_diversity"]["note"]
    assert result["metrics"]["frechet_distance"]["value"] > 0


def test_stacked_digits_have_a_thousand_modes_that_are_counted(mnist_root, run):
    """Real triples show all modes; a generator whose channels agree has ten."""
    stacked = datasets.load("stacked_mnist", "test", mnist_root)
    assert stacked.shape == (3, 28, 28) and len(stacked) == 10_000
    assert len(stacked.labels.unique()) > 990 and stacked.classes[7] == "007"
    assert datasets.load("stacked_mnist", "test", mnist_root).sha256 == stacked.sha256
    other = datasets.load("stacked_mnist", "train[:5000]", mnist_root)
    assert other.sha256 != stacked.sha256
    grey = dataclasses.replace(
        stacked, name="grey", pixels=stacked.pixels[:, :1].expand(-1, 3, -1, -1)
    )
    extractor = extractors.pixels_extractor((3, 28, 28))
    real, fake, few, same = (
        extract.extract(extractor, given, n, 0, "test")
        for given, n in ((stacked, 2000), (other, 5000), (stacked, 300), (grey, 300))
    )
    found = by_images.by_images(real, fake, utility=False)
    collapsed = by_images.by_images(few, same, utility=False)
    low, high = found["modes"].interval()
    assert 970 < low < found["modes"].value < high <= 1000
    # (modes - 1) / (2 n) nats are expected of a perfect generator.
    assert found["mode_divergence"].value == pytest.approx(999 / 10_000, rel=0.15)
    assert collapsed["modes"].value == 10 and collapsed["mode_divergence"].value > 4
    assert compare(collapsed["modes"], found["modes"]).p_value < 1e-6
    small = extract.extract(extractors.pixels_extractor((1, 8, 8)), images_of(noise(9)), 60, 0, "")
    with pytest.raises(UserError, match="three channels"):
        by_images.by_images(real, small, utility=False)


def test_features_are_extracted_once_a_command(tmp_path, run, monkeypatch):
    """Also with a figure, which shows nearest training images."""
    images = np.random.default_rng(0).integers(0, 256, (120, 8, 8), dtype=np.uint8)
    for name, part in (("real", images[:40]), ("fake", images[40:80]), ("seen", images[80:])):
        np.save(tmp_path / f"{name}.npy", part)
    extracted, original = [], extractors.extract

    def spy(extractor, blocks, n, progress):
        extracted.append(n)
        return original(extractor, blocks, n, progress)

    monkeypatch.setattr(extractors, "extract", spy)
    paths = [tmp_path / f"{name}.npy" for name in ("real", "fake")]
    more = ("--train", tmp_path / "seen.npy", "--figure", tmp_path / "card.png", "--no-cache")
    done = run("imggen", "evaluate", *paths, *more)
    assert done.returncode == 0, done.stderr
    assert extracted == [40, 40, 40]
    assert (tmp_path / "card.png").stat().st_size > 10_000


def test_the_table_shows_what_the_titles_say():
    """The kernel distance is multiplied by a thousand, in the terminal as on the pages."""
    result, lines = scored(images_of(noise(0)), images_of(noise(1))), []
    report.table(result, lines.append)
    (line,) = [line for line in lines if line.startswith("Kernel distance × 1000")]
    row = result["metrics"]["kid"]
    shown = report.with_interval(*(1000 * value for value in (row["value"], *row["interval"])))
    assert line.split("↓")[1].split()[0] == shown[0]
    assert f"[{shown[1]}, {shown[2]}]" in line


def test_agreement_is_reported_where_the_classifier_knows_the_classes(mnist_root):
    test = datasets.load("mnist", "test", mnist_root).subset(slice(0, 200))
    train = datasets.load("mnist", "train", mnist_root).subset(slice(0, 200))
    assert scored(test, train)["metrics"]["agreement"]["value"] > 0.97
    wrong = dataclasses.replace(train, labels=(train.labels + 1) % 10)
    assert scored(test, wrong)["metrics"]["agreement"]["value"] < 0.03
    nameless = dataclasses.replace(train, labels=None)
    assert "agreement" not in scored(test, nameless)["metrics"]
    clothes = ("shirt", "trouser", "pullover", "dress", "coat", "sandal", "top", "shoe", "bag",
               "boot")  # fmt: skip
    other = [dataclasses.replace(part, classes=clothes) for part in (test, train)]
    found = scored(*other)["metrics"]
    assert "agreement" not in found, "ten classes, but not those that the classifier was taught"
