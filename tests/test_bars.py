"""What the pages claim of published likelihoods and codes, held against the published files."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from imggen.data import datasets
from imggen.data.images import normalise
from imggen.runs import restore

PUBLISHED = Path(__file__).resolve().parents[1] / "docs" / "assets" / "experiments"


def found(slug: str, metric: str) -> dict:
    return json.loads((PUBLISHED / slug / "metrics.json").read_text())["metrics"][metric]


def test_a_tighter_bound_is_worth_more_than_its_interval():
    vae, iwae = (found(slug, "nll_nats") for slug in ("vae-mnist", "iwae-mnist"))
    assert iwae["interval"][1] < vae["interval"][0] and iwae["value"] <= 86.5
    fifty = found("iwae-mnist-50", "nll_nats")
    assert fifty["interval"][1] < vae["interval"][0] and fifty["interval"][0] < iwae["interval"][1]
    gaps = [round(found(slug, "elbo_nats")["value"] - found(slug, "nll_nats")["value"])
            for slug in ("vae-mnist", "iwae-mnist", "iwae-mnist-50")]  # fmt: skip
    assert gaps == [3, 5, 11]


def test_exact_nats_are_good_and_not_too_good_to_be_true():
    """Below 78 there is a leak; a paper that writes pixels or patches in turn reaches 83.5."""
    values = [found(slug, "nll_nats")["value"] for slug in ("igpt-mnist", "pixelcnn-mnist")]
    assert min(values) >= 78 and max(values) <= 83.5


def test_a_longer_reach_is_worth_four_nats_and_twice_the_coverage():
    """What the post shows side by side: features that reach 12 rows, and 24."""
    short, far = (
        {name: found(slug, name) for name in ("nll_nats", "coverage", "precision")}
        for slug in ("pixelcnn-short-mnist", "pixelcnn-mnist")
    )
    assert short["nll_nats"]["interval"][0] - far["nll_nats"]["interval"][1] > 3
    assert far["coverage"]["interval"][0] > 1.7 * short["coverage"]["interval"][1]
    assert far["precision"]["interval"][0] > short["precision"]["interval"][1]


def test_a_model_of_binary_digits_is_near_what_real_ones_score():
    """What the post says: all of the recall and 85 % of the coverage, 37 % of the grey floor."""
    real = json.loads((PUBLISHED / "binary-mnist" / "binary.json").read_text())["metrics"]
    recall, coverage = (found("igpt-mnist", name) for name in ("recall", "coverage"))
    assert recall["interval"][0] < real["recall"]["value"] < recall["interval"][1]
    assert round(coverage["value"] / real["coverage"]["value"], 2) == 0.85
    assert round(coverage["value"] / coverage["floor"], 2) == 0.37


def test_grey_levels_cost_a_flow_few_bits():
    assert 0.9 < found("glow-mnist", "bits_per_dim")["value"] <= 1.25


@torch.inference_mode()
def test_codes_are_in_use_and_digits_covered(mnist_root):
    coverage = found("vqvae-mnist", "coverage")
    assert coverage["value"] >= 0.85 * coverage["floor"]
    trained, _ = restore.load(PUBLISHED / "vqvae-mnist")
    x = normalise(datasets.load("mnist", "test", mnist_root).pixels[:2000])
    used = trained.method.texts(x).unique()
    assert len(used) >= trained.method.config.codes / 2
