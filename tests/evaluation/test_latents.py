"""Latents: which units are active, what trainings of one VAE at several β publish, and collapse."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from shortcuts import bootstraps

from imggen.data.datasets import DataConfig
from imggen.data.images import Images
from imggen.drawing.distributions import Ridges, ranked, ridges
from imggen.evaluation import latents
from imggen.evaluation.latents import FIGURES, FILE, active_units, mean, measure
from imggen.experiment import Experiment
from imggen.methods import Spec, gan
from imggen.methods.vae import VAE, Config
from imggen.publishing.status import check
from imggen.sweep import FIGURES as SWEPT
from imggen.sweep import FILE as SWEEP_FILE
from imggen.sweep import Options, Sweep, Variant
from imggen.system.errors import UserError
from imggen.training.config import TrainConfig

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts" / "site"))

import published_runs

RANDOM = np.random.default_rng(0)


def test_units_whose_mean_varies_by_more_than_a_hundredth_are_active():
    """Whatever the mean is: 1,000 units away, single precision would see no variance."""
    deviations = np.array([1.0, 0.2, 0.15, 0.05, 0.0])  # variances 1, .04, .0225, .0025, 0
    means = RANDOM.normal(1000.0, deviations, (4000, 5))
    assert active_units(means) == {"value": 3, "interval": [3.0, 3.0]}


def test_a_unit_at_the_border_widens_the_interval():
    means = RANDOM.normal(0.0, 0.1, (500, 20))
    found = active_units(means)
    assert found["interval"][0] < found["value"] < found["interval"][1]
    assert 0 < found["value"] < 20


def test_a_mean_has_the_interval_of_a_mean(monkeypatch):
    bootstraps(monkeypatch, 1000)
    values = torch.from_numpy(RANDOM.normal(3.0, 2.0, 10_000))
    found, half = mean(values), 1.96 * 2.0 / 100
    assert found["value"] == pytest.approx(values.mean().item())
    assert found["interval"] == pytest.approx([found["value"] - half, found["value"] + half],
                                              abs=0.1 * half)  # fmt: skip


def digits(n: int = 200) -> Images:
    return DataConfig("digits").load("test").subset(slice(n))


def test_an_encoder_that_sees_nothing_has_no_active_unit_and_errs_by_the_variance():
    """Its reconstruction is one image; half grey here, whatever it is given."""
    torch.manual_seed(0)
    vae, test = VAE(Config.tiny(), Spec((1, 8, 8))).eval(), digits()
    for parameter in (*vae.encoder[-1].parameters(), *vae.decoder[-1].parameters()):
        parameter.data.zero_()
    variances, measured = measure(vae, test)
    assert variances == [0.0, 0.0] and measured["active_units"]["value"] == 0
    error = (test.pixels.double() / 255 - 0.5).square().mean().item()
    assert measured["reconstruction"]["value"] == pytest.approx(error, rel=1e-5)
    # Half grey is one bit a pixel, and an encoder that is the prior loses nothing to the bound.
    for name in ("nll_nats", "elbo_nats"):
        assert measured[name]["value"] == pytest.approx(64 * np.log(2), rel=1e-5)


def test_means_are_those_of_the_images_and_variances_fall():
    torch.manual_seed(0)
    vae, test = VAE(Config.tiny(), Spec((1, 8, 8))).eval(), digits()
    found, _ = measure(vae, test)
    means = vae.encode(test.pixels.float() / 127.5 - 1).double()
    expected = means.var(dim=0, correction=0).sort(descending=True).values
    assert found == pytest.approx(expected.tolist(), rel=1e-5)
    assert found == sorted(found, reverse=True)


def test_what_does_not_encode_is_refused():
    with pytest.raises(UserError, match="GAN is no auto-encoder with a likelihood"):
        measure(gan.GAN(gan.Config.tiny(), Spec((1, 8, 8))), digits())


def variant(beta: float) -> Variant:
    train = TrainConfig(steps=300, batch_size=50, frames=0, device="cpu", ema_halflife_images=500)
    config = Config(4, (32,), "silu", beta=beta, lr=5e-3)
    experiment = Experiment(f"beta-{beta:g}", "VAE", VAE, config, DataConfig("digits"), train)
    return Variant(f"β = {beta:g}", "VAE", experiment)


SWEEP = Sweep("betas", "Betas", (variant(0.5), variant(300.0)), latents=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A published ladder of two rungs: its folder holds `run` and `docs`."""
    folder = tmp_path_factory.mktemp("betas")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(latents, "MOST", 40)
        SWEEP.run(Options(run_dir=folder / "run", docs_dir=folder / "docs"))
    return folder


def published(folder: Path) -> Path:
    return folder / "docs" / "assets" / "experiments" / "betas"


def test_a_dear_code_collapses_and_is_still_measured(folder):
    """Every unit dies: all samples are alike, which no metric may stumble over."""
    found = json.loads((published(folder) / FILE).read_text())
    cheap, dear = (row["measured"] for row in found["rows"])
    assert cheap["active_units"]["value"] >= 2 and dear["active_units"]["value"] == 0
    assert cheap["reconstruction"]["interval"][1] < dear["reconstruction"]["interval"][0]
    gaps = [row["elbo_nats"]["value"] - row["nll_nats"]["value"] for row in (cheap, dear)]
    assert gaps[0] > 0.3 and abs(gaps[1]) < gaps[0] / 2, "a posterior that is the prior: no loss"
    assert (found["images"], found["likelihoods"]) == (360, 40)
    swept = json.loads((published(folder) / SWEEP_FILE).read_text())
    scores = [row["metrics"] for row in swept["rows"]]
    assert all(np.isfinite(entry["value"]) for row in scores for entry in row.values())
    assert scores[1]["recall"]["value"] == 0, "nothing lies between samples that are all alike"


def test_pages_show_them_and_one_number(folder):
    site = published_runs.Site(folder / "docs", SimpleNamespace(meta={}))
    table = site.macro("latents", ["betas"])
    assert table.count("| β = ") == 2 and "360 test images; likelihoods of 40" in table
    assert "| β = 300, VAE | 0 |" in table and "importance samples" in table
    assert site.macro("latent", ["betas", "beta-300", "active_units"]) == "0"
    for missing in (["betas", "beta-300", "beauty"], ["betas", "beta-7", "active_units"]):
        with pytest.raises(published_runs.MacroError, match="betas has no"):
            site.macro("latent", missing)


def test_it_is_published_with_what_every_sweep_has(folder):
    manifest = json.loads((published(folder) / "manifest.json").read_text())
    files = {file for figures in (FIGURES, SWEPT) for file, _ in figures.values()}
    assert set(manifest["files"]) == {FILE, SWEEP_FILE, *files}
    assert manifest["method"] == "imggen.evaluation.latents:WithLatents"
    assert check(SWEEP, published(folder), "")["state"] == "fresh"
    (reason,) = check(replace(SWEEP, latents=False), published(folder), "")["reasons"]
    assert reason.startswith("method was imggen.evaluation.latents")


def test_it_is_drawn_again_from_its_numbers_if_they_are_those_published(folder, tmp_path):
    shutil.copytree(folder / "docs", tmp_path / "docs")
    at = published(tmp_path)
    (at / "units.svg").write_text("another chart")
    SWEEP.run(Options(docs_dir=tmp_path / "docs", from_published=True))
    again, before = (json.loads((p / "manifest.json").read_text()) for p in (at, published(folder)))
    assert again["files"] == before["files"]
    (at / FILE).write_text((at / FILE).read_text() + " ")
    with pytest.raises(UserError, match="only trainings make it"):
        SWEEP.run(Options(docs_dir=tmp_path / "docs", from_published=True))


def test_charts_are_the_same_for_the_same_numbers_and_take_zeros():
    lines = {"a": np.array([0.5, 0.0]), "b": np.array([0.1, 0.2])}
    assert ranked(lines, 0.01, "x", "y") == ranked(lines, 0.01, "x", "y")
    assert ranked(lines, 0.01, "x", "y") != ranked({**lines, "b": np.array([0.3])}, 0.01, "x", "y")
    rows = {"a": Ridges({"real": np.arange(9.0), "other": np.full(3, 50.0)}, 20.0)}
    assert ridges(rows) == ridges(rows)
    assert ridges(rows) != ridges({"a": replace(rows["a"], most=30.0)})
