"""No input, however wrong, damaged or crafted, gives a traceback, runs code or leaves halves."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hostile_inputs import CASES, Case

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def finished(tmp_path_factory, run) -> Path:
    """A short run of the DCGAN, to be damaged."""
    folder = tmp_path_factory.mktemp("finished") / "RUN"
    done = run("experiments/dcgan_mnist.py", "--data.name", "digits", "--train.steps", "60",
               "--train.frames", "4", "--run-dir", folder, "--no-publish")  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_there_are_many_and_each_is_another():
    assert len(CASES) >= 200
    assert len({(case.kind, case.what, case.command) for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.kind}: {case.what}")
def test_hostile_input(case: Case, finished, run, tmp_path, monkeypatch):
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
