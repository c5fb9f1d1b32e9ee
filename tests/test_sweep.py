"""Trainings side by side: each a run of its own, measured alike, published together."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imggen.data.datasets import DataConfig
from imggen.experiment import Experiment
from imggen.methods import gan
from imggen.publishing.status import check
from imggen.sweep import (
    FIGURES,
    FILE,
    Options,
    OtherData,
    OtherTraining,
    Sweep,
    Variant,
    at_most,
    repeated,
)
from imggen.system.errors import UserError
from imggen.training.config import TrainConfig

DIGITS = DataConfig(name="digits")
TRAIN = TrainConfig(steps=20, batch_size=20, frames=0, device="cpu")
SMALL = Experiment("small", "Small", gan.GAN, gan.Config.tiny(), DIGITS, TRAIN)
FEW = replace(SMALL, slug="few", data=replace(DIGITS, split="train[:40]"))
SWEEP = Sweep("sweep", "A sweep", (*repeated(SMALL, (0, 1)), Variant("Few", "seed 0", FEW)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A published sweep: its folder holds `run` and `docs`."""
    folder = tmp_path_factory.mktemp("sweep")
    SWEEP.run(Options(run_dir=folder / "run", docs_dir=folder / "docs"))
    return folder


def published(folder: Path) -> Path:
    return folder / "docs" / "assets" / "experiments" / "sweep"


def test_all_trainings_are_published_with_what_they_were_made_of(folder):
    manifest = json.loads((published(folder) / "manifest.json").read_text())
    assert set(manifest["files"]) == {FILE, *(file for file, _ in FIGURES.values())}
    trainings = manifest["config"]["trainings"]
    assert list(trainings) == ["small-0", "small-1", "few"]
    assert [t["train"]["seed"] for t in trainings.values()] == [0, 1, 0]
    assert trainings["few"]["data"]["split"] == "train[:40]"
    swept = json.loads((published(folder) / FILE).read_text())
    for row, n in zip(swept["rows"], (1437, 1437, 40), strict=True):
        assert row["dataset"]["images"] == n and row["steps"] == 20
        weights = json.loads((folder / "run" / row["slug"] / "manifest.json").read_text())
        assert row["weights"] == weights["files"]["weights.safetensors"]
        low, high = row["metrics"]["frechet_distance"]["interval"]
        assert low <= row["metrics"]["frechet_distance"]["value"] <= high
    assert len({row["weights"] for row in swept["rows"]}) == 3
    assert 0 < swept["floor"]["coverage"]["value"] <= 1
    width, height = Image.open(published(folder) / "rows.png").size
    assert width / height == pytest.approx(16 / 3, rel=0.05)


def test_what_was_trained_is_not_trained_again(folder, capsys):
    before = json.loads((published(folder) / "manifest.json").read_text())
    SWEEP.run(Options(run_dir=folder / "run", docs_dir=folder / "docs"))
    assert capsys.readouterr().out.count("resuming at step 20 of 20") == 3
    after = json.loads((published(folder) / "manifest.json").read_text())
    assert after["files"] == before["files"]
    assert after["wall_seconds"] == pytest.approx(before["wall_seconds"], abs=10)


def test_the_chart_is_drawn_again_from_the_numbers(folder):
    before = json.loads((published(folder) / "manifest.json").read_text())["files"]
    (published(folder) / "sweep.svg").write_text("another chart")
    SWEEP.run(Options(docs_dir=folder / "docs", from_published=True))
    assert json.loads((published(folder) / "manifest.json").read_text())["files"] == before


def test_another_choice_of_metrics_is_drawn_from_the_same_numbers(folder, tmp_path):
    shutil.copytree(folder / "docs", tmp_path / "docs")
    other = replace(SWEEP, shown=("recall",))
    at = published(tmp_path)
    assert check(other, at, "")["state"] == "stale"
    before = (at / "sweep.svg").read_bytes()
    other.run(Options(docs_dir=tmp_path / "docs", from_published=True))
    assert check(other, at, "")["state"] == "fresh" and (at / "sweep.svg").read_bytes() != before


@pytest.mark.parametrize("file", [FILE, "rows.png"])
@pytest.mark.parametrize("change", ["edited", "gone"])
def test_files_that_only_trainings_make_must_be_those_published(folder, tmp_path, file, change):
    shutil.copytree(folder / "docs", tmp_path / "docs")
    path = published(tmp_path) / file
    path.unlink() if change == "gone" else path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(UserError, match="only trainings make it"):
        SWEEP.run(Options(docs_dir=tmp_path / "docs", from_published=True))


def test_drawing_again_takes_no_other_training(folder):
    for other in ({"data": OtherData(name="mnist")}, {"train": OtherTraining(steps=3)}):
        with pytest.raises(UserError, match="trains nothing"):
            SWEEP.run(Options(docs_dir=folder / "docs", from_published=True, **other))


def test_the_time_of_all_trainings_is_counted(folder):
    manifest = json.loads((published(folder) / "manifest.json").read_text())
    rows = json.loads((published(folder) / FILE).read_text())["rows"]
    assert manifest["wall_seconds"] >= sum(row["wall_seconds"] for row in rows) - 0.1


def test_too_few_images_are_refused_before_anything_is_trained(tmp_path):
    rng = np.random.default_rng(0)
    for split, n in (("train", 60), ("test", 8)):
        (tmp_path / "own" / split).mkdir(parents=True)
        for i in range(n):
            image = Image.fromarray(rng.integers(0, 256, (8, 8), dtype=np.uint8))
            image.save(tmp_path / "own" / split / f"{i}.png")
    asked = Options(run_dir=tmp_path / "run", data=OtherData("folder", tmp_path / "own"))
    with pytest.raises(UserError, match="holds 8 images, and scores need"):
        SWEEP.run(asked)
    assert not (tmp_path / "run").exists()


def test_trainings_on_unlike_data_or_with_one_slug_make_no_sweep():
    other = replace(SMALL, data=DataConfig(name="mnist"), slug="other")
    for second in (other, SMALL):
        variants = (Variant("a", "b", SMALL), Variant("c", "b", second))
        with pytest.raises(ValueError, match="one dataset, each with its own slug"):
            Sweep("sweep", "A sweep", variants)


def test_a_changed_training_makes_it_stale(folder):
    assert check(SWEEP, published(folder), "")["state"] == "fresh"
    other = replace(FEW, settings=replace(gan.Config.tiny(), lr_G=0.5))
    changed = replace(SWEEP, variants=(*SWEEP.variants[:2], Variant("Few", "seed 0", other)))
    (reason,) = check(changed, published(folder), "")["reasons"]
    assert reason.startswith("trainings.few.method.lr_G was")


def test_other_settings_are_not_of_record(tmp_path):
    asked = Options(run_dir=tmp_path, train=OtherTraining(steps=3, precision="bf16"))
    one = replace(SWEEP, variants=SWEEP.variants[:1])
    one.run(asked)
    manifest = tmp_path / "docs" / "assets" / "experiments" / "sweep" / "manifest.json"
    found = json.loads(manifest.read_text())["config"]["trainings"]["small-0"]["train"]
    assert found["steps"] == 3 and found["precision"] == "bf16" != TRAIN.precision


def test_a_split_is_cut_to_what_there_is_and_said(capsys):
    assert at_most(replace(DIGITS, split="train[:5000]")) == "train[:1437]"
    assert "digits has 1437 images for training: all in place of 5000" in capsys.readouterr().out
    assert at_most(replace(DIGITS, split="train[:5]")) == "train[:5]"
    assert at_most(DIGITS) == "train"


def test_several_processes_are_refused(tmp_path, monkeypatch):
    for name, value in (("RANK", "0"), ("WORLD_SIZE", "2")):
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match="start it with one process"):
        SWEEP.run(Options(run_dir=tmp_path))


def test_from_published_without_anything_published_is_refused(tmp_path):
    with pytest.raises(UserError, match="is not published"):
        SWEEP.run(Options(docs_dir=tmp_path, from_published=True))
