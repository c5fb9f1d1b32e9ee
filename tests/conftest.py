"""Fixtures that several test files use."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def mnist_root() -> Path:
    """The folder of the real MNIST, else the test is skipped."""
    root = Path(os.environ.get("IMGGEN_DATA", "/nonexistent"))
    if not (root / "MNIST" / "raw" / "train-images-idx3-ubyte").exists():
        pytest.skip("the real MNIST is not in $IMGGEN_DATA")
    return root


@pytest.fixture(scope="session")
def run() -> Run:
    """Runs a command in the repository's root and returns its exit code and output."""

    def call(*command: str | Path, timeout: float = 300, **environment: str):
        arguments = [str(part) for part in command]
        if arguments[0].endswith(".py"):
            arguments.insert(0, sys.executable)
        elif arguments[0] == "imggen":
            arguments[:1] = [sys.executable, "-m", "imggen.cli"]
        return subprocess.run(
            arguments,
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            timeout=timeout,
            env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        )

    return call
