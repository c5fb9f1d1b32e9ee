"""A dataset in several processes, and a batch that they share."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from imggen.data import datasets, shared
from imggen.system.world import World

REPOSITORY = Path(__file__).resolve().parents[2]


def test_one_of_several_processes_reads_and_all_see_the_same(monkeypatch):
    told = []

    def from_main(say, world):
        if world.is_main:
            told.append(say())
        return told[0]

    def gone():
        raise FileNotFoundError

    monkeypatch.setattr(shared, "from_main", from_main)
    images = datasets.load("digits", "test")
    first = shared.load_once(lambda: images, World(0, 2))
    second = shared.load_once(gone, World(1, 2))
    for seen in (first, second):
        assert seen.sha256 == images.sha256 and seen.classes == images.classes
        assert torch.equal(seen.labels, images.labels)
    with pytest.raises(FileNotFoundError):
        shared.load_once(gone, World())


def test_a_batch_that_the_processes_can_not_share_is_refused(tmp_path):
    environment = {**os.environ, "RANK": "0", "WORLD_SIZE": "3", "LOCAL_RANK": "0"}
    done = subprocess.run(
        [sys.executable, "experiments/vae_mnist.py", "--data.name", "digits", "--no-publish",
         "--train.batch-size", "16", "--run-dir", tmp_path / "run"],
        cwd=REPOSITORY, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "--train.batch-size 16 does not divide by 3 processes" in done.stderr
