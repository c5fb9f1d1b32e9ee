"""No input, however wrong, damaged or crafted, gives a traceback, runs code or leaves halves."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hostile_inputs import CASES
from hostile_inputs.common import GREY, Case, folder_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imggen.data.files import read_images
from imggen.features import fidelity
from imggen.features.sets import read_features
from imggen.runs.restore import sample_images
from imggen.system.errors import UserError
from imggen.training import checkpoint

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def finished(tmp_path_factory, run) -> Path:
    """A short run of the DCGAN, to be damaged."""
    folder = tmp_path_factory.mktemp("finished") / "RUN"
    done = run("experiments/dcgan_mnist.py", "--data.name", "digits", "--train.steps", "20",
               "--train.frames", "4", "--method.width", "16", "--no-publish",
               "--run-dir", folder)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_there_are_many_and_each_is_another():
    assert len(CASES) >= 200
    assert len({(case.kind, case.what, case.command) for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.kind}: {case.what}")
def test_hostile_input(case: Case, finished, run, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))  # code beside a file must not be found either
    shutil.copytree(finished, tmp_path / "RUN")
    if case.make is not None:
        case.make(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    done = run(*(part.replace("{}", str(tmp_path)) for part in case.command))
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "proof").exists(), "it ran code"
    assert case.says in done.stderr, done.stderr
    if not case.parsed:
        sentences = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
        assert len(sentences) == 1, done.stderr
        assert case.says in sentences[0]
    left = [p.name for p in tmp_path.rglob("*.tmp")]
    assert not left, "half-written files"
    new = {p.name for p in tmp_path.rglob("*.png") if p.is_file()} - {p.name for p in before}
    assert not {name for name in new if "step-" not in name}, "a picture of nothing"


def readers(folder: Path) -> dict[str, Callable[[], object]]:
    """By file: what reads it."""
    return {
        "RUN/checkpoint.pt": lambda: checkpoint.read(folder / "RUN" / "checkpoint.pt"),
        "RUN/weights.safetensors": lambda: sample_images(folder / "RUN", 2),
        "RUN/manifest.json": lambda: sample_images(folder / "RUN", 2),
        "x.npy": lambda: read_images(folder / "x.npy"),
        "f.npy": lambda: read_features(folder / "f.npy"),
        "x.npz": lambda: read_images(folder / "x.npz"),
        "x/000.png": lambda: read_images(folder / "x"),
        "w.pth": lambda: fidelity.extractor("vgg16", folder / "w.pth"),
    }


@pytest.fixture(scope="module")
def good(finished, tmp_path_factory) -> Path:
    """One whole file of each kind."""

    folder = tmp_path_factory.mktemp("good")
    shutil.copytree(finished, folder / "RUN")
    np.save(folder / "x.npy", GREY)
    np.save(folder / "f.npy", np.ones((40, 5)))
    np.savez_compressed(folder / "x.npz", a=GREY)
    folder_of(GREY[:3], "x")(folder)
    torch.save({"a": torch.zeros(1)}, folder / "w.pth")
    return folder


@given(st.data())
@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_random_damage_is_a_sentence_or_harmless(good, data):
    """Whatever bytes change: one of our own errors, or the file still reads."""
    name = data.draw(st.sampled_from(sorted(readers(good))))
    whole = (good / name).read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    kind = data.draw(st.sampled_from(["cut", "flip", "insert", "drop", "zeros"]))
    extra = data.draw(st.binary(min_size=1, max_size=8))
    damaged = {
        "cut": whole[:at],
        "flip": whole[:at] + bytes([whole[at] ^ (extra[0] or 1)]) + whole[at + 1 :],
        "insert": whole[:at] + extra + whole[at:],
        "drop": whole[:at] + whole[at + len(extra) :],
        "zeros": whole[:at] + bytes(len(whole) - at),
    }[kind]

    def network(of, weights):
        torch.load(weights, weights_only=True)
        raise ValueError("no network of 550 MB is built to say that this is another's file")

    patch = pytest.MonkeyPatch()
    patch.setattr(fidelity, "_network", network)
    try:
        (good / name).write_bytes(damaged)
        # Only an extractor says ValueError, which its caller turns into a sentence.
        expected = (UserError, ValueError) if name == "w.pth" else (UserError,)
        with contextlib.suppress(*expected):
            readers(good)[name]()
    finally:
        patch.undo()
        (good / name).write_bytes(whole)
