"""Fixtures that several test files use."""

from __future__ import annotations

import contextlib
import gc
import io
import os
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from built_site import address, browser, site, whole_address  # noqa: F401 (fixtures)
from shortcuts import bootstraps

from imggen import cli

REPOSITORY = Path(__file__).resolve().parents[1]

Run = Callable[..., subprocess.CompletedProcess[str]]


LONGEST = (
    "test_a_cluster_disturbs_jobs",
    "test_every_page_in_a_browser",
    "test_what_two_processes_left",
    "test_a_run_over_there",
    "test_a_run_that_was_killed",
    "test_a_small_one_ends",
)
"""Begun first, so that no worker waits for them at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest tests to the front; the others stay in their order."""
    items.sort(key=lambda item: not item.name.startswith(LONGEST))


def pytest_configure() -> None:
    """Imports leave no garbage worth its collector's time."""
    gc.disable()


def pytest_collection_finish() -> None:
    """What is imported stays: the collector of garbage need not look through it again."""
    gc.collect()
    gc.freeze()


def pytest_runtestloop() -> None:
    """Here, since the process that hands out tests collects none."""
    gc.enable()


def pytest_unconfigure() -> None:
    """Else some library finds at the end that its objects were never freed, and says so."""
    gc.unfreeze()


@pytest.fixture(scope="session")
def mnist_root() -> Path:
    """The folder of the real MNIST, else the test is skipped."""
    root = Path(os.environ.get("IMGGEN_DATA", "/nonexistent"))
    if not (root / "MNIST" / "raw" / "train-images-idx3-ubyte").exists():
        pytest.skip("the real MNIST is not in $IMGGEN_DATA")
    return root


@pytest.fixture(scope="session", autouse=True)
def quick_scores() -> Iterator[None]:
    """One clustering in place of ten, 100 bootstraps in place of 1,000, one counted step.

    What is tested of scores does not hang on them. The digits' text is read once. And tiny numbers
    are 0, as in every training.
    """
    from imggen.evaluation import measure  # here: the process that hands out tests needs no torch
    from imggen.metrics import prd
    from imggen.system.device import prepare_torch
    from imggen.training import cost

    prepare_torch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measure, "prd", SimpleNamespace(prd=partial(prd.prd, runs=1)))
        bootstraps(patch, 100)
        patch.setattr(cost, "COUNTED_STEPS", 1)
        patch.setattr(np, "loadtxt", partial(read_once, np.loadtxt))
        yield


@cache
def read_once(read: Callable[..., np.ndarray], file: Path, **how: object) -> np.ndarray:
    """A text of numbers, which nobody may write into."""
    rows = read(file, **how)
    rows.flags.writeable = False
    return rows


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs a command of ours in the repository's root: exit code, stdout, stderr.

    In this process, with its own argv and environment: importing torch anew for each command would
    take most of the suite's time.
    """

    cache = tmp_path_factory.mktemp("cache")

    def call(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        arguments = [str(part) for part in command]
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(REPOSITORY)
            patch.setattr(sys, "argv", arguments)
            patch.setenv("XDG_CACHE_HOME", str(cache))
            for name, value in environment.items():
                patch.setenv(name, value)
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                try:
                    if arguments[0] == "imggen":
                        cli.main()
                    else:
                        runpy.run_path(arguments[0], run_name="__main__")
                    code = 0
                except SystemExit as stop:
                    code = stop.code if isinstance(stop.code, int) else 1
        return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())

    return call
