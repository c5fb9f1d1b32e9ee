"""What density models find likely: AUROC, images as told, models that have no likelihood."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import nn

from imggen.methods import Spec, gan
from imggen.studies.likes_others import (
    DIGITS,
    FIGURES,
    FILE,
    LikesOthers,
    Options,
    answer,
    auroc,
    changed,
    unlikely,
)
from imggen.studies.trade import Place
from imggen.system.errors import UserError

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts" / "site"))

import published_runs

RANDOM = np.random.default_rng(0)


class Dark(nn.Module):
    """Finds an image the likelier the darker it is: minus log p(x) is its mean level, 0 to 2."""

    likelihood_note, unit = "the mean level", "bits_per_dim"
    spec = Spec((1, 8, 8))

    def likelihood(self, x, generator):
        return {self.unit: x.flatten(1).mean(dim=1) + 1}


def test_auroc_is_that_of_sklearn_with_ties_and_its_interval_holds_what_it_should():
    digits, other = RANDOM.integers(0, 9, 300), RANDOM.integers(3, 12, 200)
    value, (low, high) = auroc(digits.astype(float), other.astype(float))
    labels = np.r_[np.ones(300), np.zeros(200)]
    assert value == pytest.approx(roc_auc_score(labels, -np.r_[digits, other]))
    resampled = [
        auroc(RANDOM.choice(digits, 300).astype(float), RANDOM.choice(other, 200).astype(float))[0]
        for _ in range(400)
    ]
    assert (high - low) / 2 == pytest.approx(1.96 * np.std(resampled), rel=0.15)
    assert auroc(np.zeros(5), np.ones(4)) == (1.0, [1.0, 1.0])


def test_images_are_changed_as_their_names_say():
    digits = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    shown = changed(digits)
    assert torch.equal(shown[DIGITS], digits) and shown["dimmed to half"].max() == 127
    assert torch.equal(shown["inverted"].int() + digits.int(), torch.full_like(digits, 255).int())
    assert shown["mirrored"][0, 0, 0, 0] == 15 and shown["mirrored"][0, 0, 15, 0] == 255
    assert shown["black"].max() == 0 and shown["grey"].unique().tolist() == [128]
    many = changed(digits.expand(64, -1, -1, -1))["noise"].float()
    assert many.mean().item() == pytest.approx(127.5, abs=2)
    assert torch.equal(changed(digits)["noise"], shown["noise"]), "the same noise every time"


def test_a_model_that_likes_the_dark_is_no_detector():
    """Every dimmed digit is half as unlikely; digits beat noise, and are beaten by black."""
    digits = torch.from_numpy(RANDOM.integers(0, 90, (60, 1, 8, 8), dtype=np.uint8))
    found, values = answer(Dark(), changed(digits))
    kinds = found["kinds"]
    level = digits.float().mean().item() / 127.5
    assert kinds[DIGITS]["mean"] == pytest.approx(level, rel=1e-4)
    assert kinds[DIGITS]["auroc"] is None and abs(kinds[DIGITS]["liked"] - 0.5) < 0.02
    assert kinds["noise"]["auroc"] == 1.0 and kinds["noise"]["liked"] == 0.0
    assert kinds["black"]["auroc"] == 0.0 and kinds["black"]["liked"] == 1.0
    assert (
        kinds["mirrored"]["auroc"] == pytest.approx(0.5, abs=0.01)
        and kinds["dimmed to half"]["liked"] == 1.0
    )
    low, high = kinds["black"]["liked_interval"]
    assert 0.9 < low < high == 1.0
    assert found["unit"] == "bits per dimension of grey levels" and len(values["noise"]) == 60


def test_nats_come_before_bits_and_other_units_are_refused():
    pixels = torch.zeros(2, 1, 8, 8, dtype=torch.uint8)
    model = Dark()
    model.likelihood = lambda x, g: {"bits_per_dim": x.sum((1, 2, 3)), "nll_nats": torch.ones(2)}
    assert unlikely(model, pixels)[0] == "nll_nats"
    model.likelihood = lambda x, g: {"beauty": torch.ones(2)}
    with pytest.raises(ValueError, match="Dark gives none of nll_nats, bits_per_dim"):
        unlikely(model, pixels)


def test_a_method_without_likelihood_or_for_other_images_is_refused():
    pixels = torch.zeros(2, 1, 8, 8, dtype=torch.uint8)
    with pytest.raises(ValueError, match="GAN has no likelihood: name a model that has one"):
        unlikely(gan.GAN(gan.Config.tiny(), Spec((1, 8, 8))), pixels)
    with pytest.raises(ValueError, match=r"images of \(1, 8, 8\) and can't judge those of \(1, 2"):
        unlikely(Dark(), pixels[:, :, :2, :2])


STUDY = LikesOthers("likes", "Likes?", ("vae-mnist-2d",), samples=30)


def test_a_published_model_without_likelihood_is_refused_before_anything_is_asked(capsys):
    with pytest.raises(UserError, match="dcgan-mnist has no likelihood: name models that have"):
        STUDY.run(Options(generators=("vae-mnist-2d", "dcgan-mnist")))
    assert "asking" not in capsys.readouterr().out
    with pytest.raises(UserError, match="nobody is no folder"):
        STUDY.run(Options(generators=("nobody",)))


def test_the_script_asks_and_publishes(mnist_root, tmp_path):
    """The real thing with few images: static is unlikely, a black page likelier than any digit."""
    if not all((mnist_root / name).exists() for name in ("camvid", "magnetic-tile")):
        pytest.skip("no photographs of other things in $IMGGEN_DATA")
    STUDY.run(Options(docs_dir=tmp_path, data=Place(mnist_root)))
    folder = tmp_path / "assets" / "experiments" / "likes"
    manifest = json.loads((folder / "manifest.json").read_text())
    assert set(manifest["files"]) == {FILE, *(file for file, _ in FIGURES.values())}
    assert set(manifest["config"]["method"]["weights"]) == {"vae-mnist-2d"}
    kinds = json.loads((folder / FILE).read_text())["models"]["vae-mnist-2d"]["kinds"]
    assert next(iter(kinds)) == DIGITS and {"tiles", "roads"} <= kinds.keys()
    assert all(math.isfinite(kind["mean"]) and kind["n"] == 30 for kind in kinds.values())
    assert kinds["noise"]["auroc"] == 1.0 and kinds["black"]["liked"] == 1.0
    site = published_runs.Site(tmp_path, SimpleNamespace(meta={}))
    table = site.macro("likes", ["likes", "vae-mnist-2d"])
    assert table.index("| black") < table.index(f"| **{DIGITS}**") < table.index("| noise")
    assert site.macro("liked", ["likes", "vae-mnist-2d", "noise", "auroc"]).startswith("1")
    for missing in (["dcgan-mnist", "noise", "auroc"], ["vae-mnist-2d", "test_digits", "auroc"]):
        with pytest.raises(published_runs.MacroError):
            site.macro("liked", ["likes", *missing])
