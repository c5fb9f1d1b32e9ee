"""Real images made binary: by their grey levels, and measured like a generator's."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from imggen.data.datasets import DataConfig, load
from imggen.evaluation.evaluate import evaluate, gather
from imggen.studies.binary import FILE, Binary, Options, tossed

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts" / "site"))

import published_runs


def test_a_coin_keeps_black_and_white_and_the_mean_of_grey():
    grey = torch.tensor([0, 255, 64, 191], dtype=torch.uint8).expand(20_000, 4)
    binary = tossed(grey)
    assert binary.dtype == torch.uint8 and binary.unique().tolist() == [0, 255]
    means = binary.float().mean(dim=0)
    assert means[0] == 0 and means[1] == 255
    assert means[2:].tolist() == pytest.approx([64, 191], abs=4)
    assert torch.equal(binary, tossed(grey)), "the same every time"


def test_binary_digits_miss_the_floor_of_grey_ones(tmp_path):
    Binary("binary", "Binary?").run(Options(data=DataConfig("digits"), docs_dir=tmp_path))
    folder = tmp_path / "assets" / "experiments" / "binary"
    found = json.loads((folder / FILE).read_text())
    assert found["fake"]["n"] == found["real"]["n"] == 360
    assert (folder / "coins.png").read_bytes().startswith(b"\x89PNG")
    grey = evaluate(gather(load("digits", "test"), load("digits", "train")))["metrics"]
    assert found["metrics"]["coverage"]["interval"][1] < grey["coverage"]["interval"][0]
    manifest = json.loads((folder / "manifest.json").read_text())
    assert set(manifest["files"]) == {FILE, "coins.png"} and manifest["dataset"]["split"] == "train"
    assert manifest["features"]["name"] == "pixels"
    site = published_runs.Site(tmp_path, SimpleNamespace(meta={}))
    assert site.macro("perfect", ["binary", "coverage"]).startswith("0.")
    with pytest.raises(published_runs.MacroError, match="binary has no beauty"):
        site.macro("perfect", ["binary", "beauty"])
