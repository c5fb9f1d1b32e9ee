"""Several processes compute what one would, follow rank 0, and go on after one was killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import ranks
import torch

from imggen.runs.folder import RunDir
from imggen.training.machine import other_machine

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def two(tmp_path_factory) -> Path:
    """What two gloo processes under torchrun left, of which one was killed on the way."""
    folder = tmp_path_factory.mktemp("ranks")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2",
         "--max-restarts=2", ranks.__file__, folder],
        cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (folder / "said").write_text(done.stdout + done.stderr)
    return folder


def all_methods_stay_in_step_and_resume(two: Path) -> None:
    """Both processes end with the same weights, whether stopped on the way or not."""
    first, second = (
        json.loads((two / "in-step" / f"ends-{rank}.json").read_text()) for rank in (0, 1)
    )
    assert first == second and len(first) > 25
    for name, ends in first.items():
        assert ends["whole"] == ends["parts"], name


def two_processes_give_the_curve_of_one(two: Path, tmp_path: Path) -> None:
    """With the noise of one; in use each draws its own, and curves agree as those of two seeds."""
    ranks.curves(tmp_path)
    for paper in ranks.PAPERS:
        rows = [RunDir(folder / paper).read_stats() for folder in (tmp_path, two / "two")]
        assert len(rows[0]) == ranks.STEPS // 4
        for one, both in zip(*rows, strict=True):
            timing = {"wall_seconds", "images_per_second"}
            assert both == pytest.approx({**one, **{k: both[k] for k in timing}}, rel=1e-5), paper
        weights = [torch.load(two / "two" / paper / f"weights-{rank}.pt") for rank in (0, 1)]
        assert torch.equal(*weights), f"{paper}: the processes drifted apart"
        one = torch.load(tmp_path / paper / "weights-0.pt")
        assert torch.allclose(weights[0], one, rtol=1e-4, atol=1e-6), paper


def torchrun_starts_again_what_was_killed_and_the_others_follow_rank_0(two: Path) -> None:
    """The newest checkpoint is damaged, and rank 1 has none at all: both take the one before."""
    for rank in (0, 1):
        ended = torch.load(two / f"killed-{rank}.pt")
        assert 0 < ended["begun"] < ranks.KILLED_AT - ranks.KILLED_AT % 10
        assert torch.equal(ended["weights"], torch.load(two / f"whole-{rank}.pt"))
    assert not list((two / "of-rank-1").rglob("checkpoint*"))
    assert (two / "of-rank-0" / "killed" / "log.txt").read_text().count("Resuming from") == 1


def no_process_ends_before_the_checkpoint_of_rank_0_is_on_the_disk(two: Path) -> None:
    says = f"Stopped by another process at step {ranks.KILLED_AT + 1} with a checkpoint: "
    for rank in (0, 1):
        ended = torch.load(two / f"stopped-{rank}.pt")
        assert ended["says"].startswith(says) and ended["saved"], rank


def all_stop_after_the_same_step_and_each_goes_on_with_what_it_remembers(two: Path) -> None:
    """Rank 1 is asked during step 13; what only it knows is in rank 0's checkpoint.

    So is what it has seen since the last row of statistics; and where a training is taken further.
    """
    for rank in (0, 1):
        folder = two / "two"
        assert torch.load(folder / f"stopped-at-{rank}.pt") == ranks.STOPPED_AT + 1
        whole = torch.load(folder / f"whole-{rank}.pt")
        for name in ("parts", "further"):
            assert torch.equal(whole, torch.load(folder / f"{name}-{rank}.pt")), (rank, name)
    rows = [RunDir(folder / f"{name}-of-0").read_stats() for name in ("whole", "parts")]
    timing = ("wall_seconds", "images_per_second")
    told = [[{k: row[k] for k in row if k not in timing} for row in each] for each in rows]
    assert told[0] == told[1] and len(told[0]) == ranks.STEPS // 4


def another_number_of_processes_goes_on_and_says_so(two: Path) -> None:
    folder = two / "two" / "vae"
    t = ranks.trainer(folder, "vae", steps=ranks.STEPS + 4)
    assert t.train(lambda method, step: None) == ranks.STEPS
    said = (folder / "log.txt").read_text()
    assert f"so far trained on 2 x {t.facts['device']}, from here on {t.facts['device']}" in said
    assert other_machine(t.facts, t.facts) == ""
    before = {name: fact for name, fact in t.facts.items() if name != "denormals"}
    device = t.facts["device"]
    says = f"so far trained on {device} with denormal numbers, from here on {device}: "
    assert other_machine(before, t.facts).startswith(says)


@pytest.mark.slow
def test_what_two_processes_left(two, tmp_path):
    """All of it at once: made by each worker anew it would take longest of all."""
    all_methods_stay_in_step_and_resume(two)
    two_processes_give_the_curve_of_one(two, tmp_path)
    torchrun_starts_again_what_was_killed_and_the_others_follow_rank_0(two)
    no_process_ends_before_the_checkpoint_of_rank_0_is_on_the_disk(two)
    all_stop_after_the_same_step_and_each_goes_on_with_what_it_remembers(two)
    another_number_of_processes_goes_on_and_says_so(two)
