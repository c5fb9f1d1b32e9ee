"""An installed wheel: the published generators are in it, and no folder passes for a checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from imggen import cli

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """A folder with the wheel's content, built from a copy of this checkout."""
    root = tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        (root / "src").mkdir(exist_ok=True)
        shutil.copy(REPOSITORY / name, root / "src" / name)
    leave = shutil.ignore_patterns("__pycache__")
    shutil.copytree(REPOSITORY / "imggen", root / "src" / "imggen", ignore=leave)
    for slug in ("dcgan-mnist", "vae-mnist"):  # two of many
        published = Path("docs") / "assets" / "experiments" / slug
        shutil.copytree(REPOSITORY / published, root / "src" / published)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "-q")
    wheel = ("wheel", "--no-deps", "--no-build-isolation", "-w", root, root / "src")
    subprocess.run([*pip, *wheel], check=True, cwd=root)
    (built,) = root.glob("*.whl")
    zipfile.ZipFile(built).extractall(root / "site")
    return root / "site"


def call(installed: Path, here: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=here,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
    )


@pytest.mark.slow
def test_published_generators_sample_from_a_wheel(installed, tmp_path):
    done = call(installed, tmp_path, "-m", "imggen", "sample", "dcgan-mnist", "--n", "64",
                "--out", "grid.png")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "grid.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_script_writes_where_one_stands_and_not_into_the_installation(installed, tmp_path):
    shutil.copytree(REPOSITORY / "experiments", tmp_path / "experiments")
    before = sorted(installed.rglob("*.png"))
    done = call(installed, tmp_path, "experiments/dcgan_mnist.py", "--data.name", "digits",
                "--train.steps", "2", "--train.frames", "0", "--train.precision", "fp32",
                "--method.width", "8")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "runs" / "dcgan-mnist" / "docs" / "assets").is_dir()
    assert sorted(installed.rglob("*.png")) == before


@pytest.fixture
def lookalike(tmp_path) -> Path:
    """A folder that looks like a checkout; its script leaves a proof that it was run."""
    (tmp_path / "experiments").mkdir()
    (tmp_path / "mkdocs.yml").touch()
    (tmp_path / "experiments" / "evil.py").write_text("open('proof', 'w')")
    return tmp_path


@pytest.mark.slow
def test_status_runs_no_script_of_a_folder_that_looks_like_a_checkout(installed, lookalike):
    done = call(installed, lookalike, "-m", "imggen", "status")
    assert done.returncode == 2 and "clone its repository" in done.stderr
    assert not (lookalike / "proof").exists()


def test_our_own_checkout_runs_no_script_of_where_one_stands(lookalike, monkeypatch, capsys):
    monkeypatch.chdir(lookalike)
    monkeypatch.setattr(sys, "argv", ["imggen", "status"])
    with pytest.raises(SystemExit):
        cli.main()
    assert "dcgan-mnist" in capsys.readouterr().out and not (lookalike / "proof").exists()
