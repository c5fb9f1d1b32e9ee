"""Damage to images, what the audit says of it, and the checks on known points."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from imggen.data import datasets, images
from imggen.metrics.certainty.estimate import Estimate, mean_of, share_of
from imggen.studies.audit import checks, damage, ladders, verdicts

REPOSITORY = Path(__file__).resolve().parents[2]
DIGITS = datasets.load("digits", "train")


def test_blur_spreads_light_without_losing_it():
    point = torch.zeros(1, 1, 21, 21, dtype=torch.uint8)
    point[0, 0, 10, 10] = 255
    blurred = damage.blur(point, 1.5)
    assert blurred.sum() == pytest.approx(255, rel=0.1)
    assert blurred[0, 0, 10, 10] < 30 < 255
    assert torch.equal(damage.blur(DIGITS.pixels, 0), DIGITS.pixels)


def test_noise_and_jpeg_get_worse_with_their_rung():
    x = DIGITS.pixels[:200]
    noisy = [
        (damage.noise(x, d, torch.Generator().manual_seed(0)).float() - x).abs().mean().item()
        for d in (0, 8, 32)
    ]
    assert noisy[0] == 0 and noisy[0] < noisy[1] < noisy[2]
    packed = [(damage.jpeg(x, q).float() - x).abs().mean().item() for q in (100, 75, 5)]
    assert packed[0] == 0 < packed[1] < packed[2]
    colour = x.expand(-1, 3, -1, -1)
    assert damage.jpeg(colour, 50).shape == colour.shape


def test_sets_are_thinned_out_exactly():
    labels = torch.arange(1000) % 10
    kept = damage.keep_classes(labels, 3, 200)
    assert len(kept) == 200 and set(labels[kept].tolist()) == {0, 1, 2}
    with pytest.raises(ValueError, match="Only 100 images"):
        damage.keep_classes(labels, 1, 200)
    counts = np.bincount(labels[damage.unbalance(labels, 4, 300)])
    assert counts.sum() == 300 and counts[0] / counts[9] == pytest.approx(4, rel=0.15)
    assert (np.diff(counts) <= 0).all()
    with pytest.raises(ValueError, match="not enough"):
        damage.unbalance(labels, 100, 900)
    x = DIGITS.pixels[:50]
    assert len(damage.repeat(x, 7).unique(dim=0)) == 7
    assert torch.equal(damage.replace(x, x.flip(0), 0.2)[:10], x.flip(0)[:10])


def test_a_verdict_knows_which_way_is_better():
    generator = np.random.default_rng(0)
    high = mean_of(generator.normal(1, 0.1, 500), of="fake")
    low = mean_of(generator.normal(0, 0.1, 500), of="fake")
    found = {
        name: verdicts.verdict(name, {name: low}, {name: high})
        for name in ("kid", "density", "vendi_score")
    }
    assert found == {"kid": "better", "density": "worse", "vendi_score": "worse"}
    assert verdicts.verdict("kid", {"kid": high}, {"kid": high}) == "same"
    assert verdicts.verdict("kid", {"kid": "too few samples."}, {"kid": high}) == "none"


def test_ladders_keep_their_number_of_images():
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (6000, 1, 12, 12), dtype=torch.uint8, generator=generator)
    labels = torch.arange(6000) % 10
    train = images.Images("mnist", "train", pixels, labels)
    config = ladders.Config(n=200, training=3000)
    made = {ladder.name: ladder for ladder in ladders.ladders(train, config)}
    assert {ladder.harms for ladder in made.values()} == {"coherence", "variety", "memorisation"}
    for ladder in made.values():
        assert len(ladder.sets) == len(ladder.rungs)
        assert {len(part) for rung in ladder.sets for part in rung} == {200}
    first = [made[name].sets[0][0] for name in ("blur", "noise", "jpeg", "junk", "copies")]
    assert all(torch.equal(first[0], other) for other in first[1:])


def test_checks_pass_and_fail_whom_they_should():
    found = {c.title: c for c in checks.CHECKS}
    equal = checks.run(found["equal sets, in 2 to 512 dimensions"], draws=1)
    assert equal["coverage"]["passes"] and not equal["precision"]["passes"]
    outliers = checks.run(found["three real outliers, half the samples junk"], draws=1)
    assert not outliers["precision"]["passes"] and "recall" not in outliers


def test_the_published_audit_says_what_the_post_says():
    path = REPOSITORY / "docs" / "assets" / "experiments" / "metric-audit" / "audit.json"
    found = json.loads(path.read_text())
    ladders = {name: ladder["verdicts"] for name, ladder in found["ladders"].items()}
    assert ladders["blur"]["density"][1] == "better", "half a pixel pleases it"
    assert ladders["junk"]["recall"][-2] != "worse"
    assert ladders["imbalance"]["recall"][-1] == "same"
    for metric in ("coverage", "frechet_distance", "class_divergence"):
        assert ladders["imbalance"][metric][-1] == "worse"
    for metric in ("density", "clipped_density"):
        assert ladders["imbalance"][metric][-1] == "better"
    assert "better" in ladders["dropped"]["clipped_density"]
    assert ladders["noise"]["gan_train"][3] == "same" and ladders["blur"]["gan_train"][1] == "worse"
    coverage = [row["value"] for row in found["ladders"]["unequal"]["metrics"]["coverage"]]
    assert coverage[0] < 0.05 and coverage[-1] > 0.99
    assert "worse" not in ladders["copies"]["frechet_distance"]
    assert ladders["copies"]["near_copies"][1] == "worse"
    for metric in ("data_copying", "authenticity"):
        assert ladders["copies"][metric][1] == "same" and ladders["copies"][metric][-1] == "worse"
    families = (("precision", "recall"), ("density", "coverage"),
                ("clipped_density", "clipped_coverage"), ("prd_f1_8", "prd_f8"))  # fmt: skip
    for family in families:
        judged = [c["measures"][m]["passes"] for c in found["checks"] for m in family
                  if m in c["measures"]]  # fmt: skip
        assert not all(judged), family


def test_the_audit_without_mnist_is_one_sentence(run, tmp_path, monkeypatch):
    monkeypatch.setattr(datasets, "DOWNLOAD_TIMEOUT_SECONDS", 0.01)
    (tmp_path / "MNIST" / "raw").mkdir(parents=True)
    (tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte").write_bytes(b"short")
    (tmp_path / "MNIST" / "raw" / "train-labels-idx1-ubyte").write_bytes(b"short")
    done = run("experiments/metric_audit.py", "--data.root", tmp_path)
    assert done.returncode == 2 and done.stderr.count("error: ") == 1
    assert "Traceback" not in done.stderr


def test_an_estimate_of_a_share_has_wilsons_interval():
    found = share_of(np.array([True] * 3 + [False] * 97), of="fake")
    low, high = found.interval()
    assert isinstance(found, Estimate) and 0 < low < 0.03 < high < 0.1
