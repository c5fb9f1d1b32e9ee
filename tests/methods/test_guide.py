"""The paper in the guide is a paper: what docs/contributing.md shows keeps the contract."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import pytest
import torch
from cases import Case, keep_no_frame, methods_of, spec_of, trainer

from imggen.runs.sampling import Trained, generate

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "contributing.md"


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """The code block of the guide as a module."""
    (code,) = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    (tmp_path / "toy.py").write_text(code)
    spec = importlib.util.spec_from_file_location("toy", tmp_path / "toy.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "toy", module)  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_the_paper_of_the_guide_trains_and_samples(toy, tmp_path):
    assert "## Departures from the paper" in toy.__doc__ and "$$" in toy.__doc__
    (kind,) = methods_of(toy)
    t = trainer(tmp_path / "run", Case(toy, kind, toy.Config.tiny()), steps=100)
    first = t.method.training_step(t.batch(0), 0, lambda loss, optimizer, lr=None: None)["loss"]
    t.train(keep_no_frame)
    last = t.method.training_step(t.batch(0), 0, lambda loss, optimizer, lr=None: None)["loss"]
    assert last < 0.8 * first
    assert generate(Trained(t.ema), 5, seed=0)[0].shape == (5, *spec_of().shape)
    assert torch.equal(generate(Trained(t.ema), 5, 0)[0], generate(Trained(t.ema), 5, 0)[0])


def test_the_tree_of_the_guide_names_every_room():
    text = GUIDE.read_text()
    package = GUIDE.parents[1] / "imggen"
    for path in package.iterdir():
        if path.is_dir() and (path / "__init__.py").exists():
            assert re.search(rf"^  {path.name}/ ", text, re.MULTILINE), path.name
    for path in re.findall(r"`(?:imggen/)?((?:\w+/)+\w+\.py)`", text):
        assert (package / path).exists() or (GUIDE.parents[1] / path).exists(), path
