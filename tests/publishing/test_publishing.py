"""What a published folder holds and vouches for, and what a redrawing keeps."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import torch
from shortcuts import undrawn, unscored

from imggen.data import datasets
from imggen.data.datasets import DataConfig
from imggen.drawing import grids
from imggen.experiment import Experiment
from imggen.features import lenet
from imggen.methods import Spec
from imggen.methods.cgan import CGAN
from imggen.methods.cgan import Config as CGANConfig
from imggen.methods.dcgan import DCGAN, Config
from imggen.methods.igpt import Config as GPTConfig
from imggen.methods.igpt import ImageGPT
from imggen.methods.pixelcnn import Config as PixelCNNConfig
from imggen.methods.pixelcnn import PixelCNN
from imggen.methods.pixelcnn import Sampler as PixelCNNSampler
from imggen.publishing import completions, pictures, status
from imggen.publishing.pictures import Shown, drawn
from imggen.publishing.publish import publish
from imggen.runs.conditions import refuse_other_test
from imggen.runs.places import assets
from imggen.runs.provenance import SCORING, source_hash
from imggen.runs.sampling import Trained
from imggen.system.errors import UserError
from imggen.training.config import TrainConfig

DIGITS = datasets.load("digits", "test")


def experiment(**settings) -> Experiment:
    train = TrainConfig(steps=20, batch_size=20, frames=3, log_steps=5, device="cpu")
    return Experiment(
        slug="small",
        title="Small DCGAN",
        method=DCGAN,
        settings=dataclasses.replace(Config.tiny(), **settings),
        data=DataConfig("digits"),
        train=train,
    )


def call(experiment: Experiment, tmp_path: Path, docs: str, *flags: str) -> Path:
    where = ["--run-dir", f"{tmp_path}/run", "--docs-dir", f"{tmp_path}/{docs}"]
    experiment.run(experiment.parse([*where, *flags]))
    return assets(tmp_path / docs) / experiment.slug


def manifest_of(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_text())


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    """A published run; its folder."""
    folder = tmp_path_factory.mktemp("small")
    call(experiment(), folder, "docs")
    return folder


def test_what_is_not_made_any_more_goes_and_what_nobody_made_is_not_vouched_for(tmp_path):
    publish(tmp_path, {"a.png": b"1", "b.png": b"2"}, None, {"slug": "x"})
    (tmp_path / "notes.txt").write_text("mine")
    publish(tmp_path, {"a.png": b"3"}, {"metrics": {}}, {"slug": "x"})
    assert {p.name for p in tmp_path.iterdir()} == {"a.png", "metrics.json", "manifest.json",
                                                    "notes.txt"}  # fmt: skip
    assert manifest_of(tmp_path)["files"].keys() == {"a.png", "metrics.json"}
    assert status.damages(tmp_path, manifest_of(tmp_path)) == ["notes.txt is not in its manifest"]


def test_a_manifest_names_no_file_outside_its_folder(tmp_path):
    folder = tmp_path / "folder"
    publish(folder, {"a.png": b"1"}, None, {})
    (tmp_path / "precious").write_text("keep")
    (folder / "manifest.json").write_text(json.dumps({"files": {"../precious": "x"}}))
    publish(folder, {"a.png": b"1"}, None, {})
    assert (tmp_path / "precious").read_text() == "keep"


def test_what_only_a_training_can_make_is_kept_when_the_rest_is_drawn_again(small, tmp_path):
    first = assets(small / "docs") / "small"
    assert (first / "training.gif").exists() and (first / "curves.svg").exists()
    before = manifest_of(first)
    assert before["sampling"]["device"] and before["dataset"]["conditions_sha256"]
    experiment().run(experiment().parse(["--from-published", "--docs-dir", str(small / "docs")]))
    assert manifest_of(first)["files"] == before["files"]
    assert manifest_of(first)["config_hash"] == before["config_hash"]


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("--no-publish",), "leave --no-publish out"),
        (("--method.width", "8"), "leave method alone"),
        (("--train.steps", "7", "--data.split", "all"), "leave data and train alone"),
    ],
)
def test_a_redrawing_refuses_what_it_can_not_follow(flags, says, small):
    before = manifest_of(assets(small / "docs") / "small")
    with pytest.raises(UserError, match=says):
        call(experiment(), small, "docs", "--from-published", *flags)
    assert manifest_of(assets(small / "docs") / "small") == before


def test_new_weights_of_our_classifier_make_scores_stale(small, monkeypatch):
    folder = assets(small / "docs") / "small"
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["features"]["name"] == "pixels", "8x8 digits; a classifier is put in its place"
    metrics["features"] = {"name": "lenet", "sha256": lenet.frozen_sha256("lenet")}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    others, code = "metrics.json is not the file that was published", source_hash(*SCORING)
    assert status.check(experiment(), folder, code)["reasons"] == [others]
    monkeypatch.setattr(status, "frozen_sha256", lambda name: "other")
    reasons = status.check(experiment(), folder, code)["reasons"]
    assert reasons == ["the weights of our classifier lenet changed: score again", others]


def test_facts_of_the_training_stay_when_it_is_published_by_another_process(tmp_path, monkeypatch):
    """Killed after the last checkpoint: there is no manifest yet, and the code moved on."""
    call(experiment(), tmp_path, "docs", "--no-publish")
    (tmp_path / "run" / "manifest.json").unlink()
    monkeypatch.setattr("imggen.experiment.git_state", lambda: {"commit": "later", "dirty": True})
    unscored(monkeypatch)
    undrawn(monkeypatch)
    folder = call(experiment(), tmp_path, "docs")
    assert manifest_of(folder)["git"]["commit"] != "later"


def test_another_machine_in_the_middle_is_said(tmp_path, monkeypatch, capsys):
    call(experiment(), tmp_path, "docs", "--no-publish", "--train.steps", "10")
    monkeypatch.setattr("imggen.training.machine.device_name", lambda device: "abacus")
    call(experiment(), tmp_path, "docs", "--no-publish")
    assert "from here on abacus: it will not end with the bits" in capsys.readouterr().out


def test_other_labels_of_the_same_pixels_are_other_data(tmp_path, monkeypatch):
    load = datasets.load
    call(experiment(), tmp_path, "docs", "--no-publish")

    def relabelled(*arguments):
        images = load(*arguments)
        return dataclasses.replace(images, labels=images.labels.flip(0))

    monkeypatch.setattr(datasets, "load", relabelled)
    with pytest.raises(UserError, match=r"data\.conditions_sha256 was"):
        call(experiment(), tmp_path, "docs", "--no-publish", "--train.steps", "30")


def test_a_test_split_that_can_not_be_compared_is_refused_before_training(tmp_path):
    labelled, plain = Spec((1, 8, 8), classes=10), Spec((1, 8, 8))
    other = dataclasses.replace(DIGITS, classes=tuple(reversed(DIGITS.classes)))
    with pytest.raises(UserError, match="both need the same ones"):
        refuse_other_test(labelled, DIGITS, other)
    refuse_other_test(plain, DIGITS, other)
    wide = dataclasses.replace(DIGITS, pixels=DIGITS.pixels.repeat(1, 1, 1, 2))
    with pytest.raises(UserError, match="give both the same size"):
        refuse_other_test(plain, DIGITS, wide)


def test_too_few_images_are_refused_before_training(tmp_path, monkeypatch):
    load = datasets.load
    monkeypatch.setattr(datasets, "load", lambda *arguments: load(*arguments).subset(slice(9)))
    with pytest.raises(UserError, match="holds 9 images, and scores need"):
        call(experiment(), tmp_path, "docs")
    assert not (tmp_path / "run").exists()


class Symbols(DCGAN):
    """Latents that are whole numbers: there is nothing between two of them."""

    def latents(self, n, generator):
        return torch.randint(0, 9, (n, self.config.z_dim), generator=generator)

    def sample(self, z, y=None, sampler=None):
        return self.G(z.float())


def test_there_is_no_walk_between_symbols():
    made = [kind(Config.tiny(), Spec((1, 8, 8))).eval() for kind in (DCGAN, Symbols)]
    files = [drawn(Shown(Trained(method), DIGITS)).keys() for method in made]
    assert files[0] - files[1] == {"interpolation.gif"}


def test_there_is_no_walk_between_the_uniforms_that_choose_symbols():
    spec, test = Spec((1, 8, 8)), datasets.load("digits", "test")
    files = drawn(Shown(Trained(ImageGPT(GPTConfig.tiny(), spec).eval()), test))
    assert set(files) == {"samples.png", "completions.png", "surprisals.svg"}
    tall = dataclasses.replace(GPTConfig.tiny(), patch=(8, 1))  # it can't begin in the middle
    found = drawn(Shown(Trained(ImageGPT(tall, spec).eval()), test))
    assert set(found) == {"samples.png", "surprisals.svg"}


def test_halves_are_completed_each_column_its_own_image():
    method = PixelCNN(PixelCNNConfig.tiny(), Spec((1, 8, 8))).eval()
    shown = Shown(Trained(method), DIGITS)
    files = drawn(shown)
    assert "completions.png" in files and "interpolation.gif" not in files
    assert "completions.png" not in drawn(Shown(Trained(method), DIGITS.subset(slice(15))))
    seen = iio.imread(files["completions.png"])
    cell = (8 * grids.scale_for(8)) + grids.PADDING
    tiles = seen[grids.PADDING :, grids.PADDING :].reshape(8, cell, 16, cell)
    tiles = tiles.transpose(0, 2, 1, 3)[:, :, : -grids.PADDING : 7, : -grids.PADDING : 7]
    x = DIGITS.pixels[:16, 0].numpy()
    assert (tiles[0] == x).all() and (tiles[1, :, :4] == x[:, :4]).all()
    assert (tiles[1, :, 4:] == completions.BLANK).all()
    assert (tiles[2:, :, :4] == 255 * (x[:, :4] > 127)).all()
    assert set(np.unique(tiles[2:])) == {0, 255}
    assert len({row.tobytes() for row in tiles[2:]}) == completions.COMPLETIONS
    cold = drawn(Shown(Trained(method, PixelCNNSampler(temperature=1e-6)), DIGITS))
    assert cold["completions.png"] != files["completions.png"], "the sampler of record is used"


def test_a_conditional_method_has_no_single_manifold(monkeypatch):
    monkeypatch.setattr(CGAN, "reconstruct", lambda self, x: x, raising=False)
    config = dataclasses.replace(CGANConfig.tiny(), z_dim=2)
    method = CGAN(config, Spec((1, 8, 8), 10)).eval()
    trained = Trained(method, None, (36,) * 10)
    assert not pictures._is_planar(Shown(trained, DIGITS))
