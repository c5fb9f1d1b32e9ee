"""The chaos study: its faults, a small one for real, and what was published."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
import torch

from imggen.studies.chaos import disk, faults, ordeal
from imggen.studies.chaos.start import cold
from imggen.studies.chaos.study import FILE, Config
from imggen.system.errors import UserError
from imggen.system.signals import handled

REPOSITORY = Path(__file__).resolve().parents[2]
PUBLISHED = REPOSITORY / "docs" / "assets" / "experiments" / "chaos"


def test_the_schedule_holds_every_fault_as_often_at_other_steps():
    planned = ordeal.schedule(1000, tuple(faults.KINDS), 3, Random(1))
    assert sorted({fault.kind for fault in planned}) == sorted(faults.KINDS)
    assert len({fault.step for fault in planned}) == len(planned) == 3 * len(faults.KINDS)
    assert [fault.step for fault in planned] == sorted(fault.step for fault in planned)
    assert planned == ordeal.schedule(1000, tuple(faults.KINDS), 3, Random(1))
    with pytest.raises(UserError, match="lightning"):
        Config(kinds=("lightning",)).check()


def test_a_disk_is_really_full_and_a_folder_really_closed(tmp_path):
    with disk.small_disk(tmp_path / "disk") as small:
        target = small.path / "folder"
        target.mkdir()
        disk.close(target)
        with pytest.raises(OSError, match=r"not permitted|denied"):
            (target / "a").touch()
        disk.open_again(target)
        (target / "a").touch()
        small.fill(os.getpid())
        try:
            with pytest.raises(OSError, match=r"No space left|too large"):
                (target / "b").write_bytes(bytes(5000))
        finally:
            small.free(os.getpid())
        (target / "b").write_bytes(bytes(5000))
    assert not small.mounted or not list((tmp_path / "disk").iterdir())


def test_damages_damage(tmp_path):
    for damage in (faults.cut, faults.flip, faults.folder):
        path = tmp_path / damage.__name__
        path.write_bytes(bytes(1000))
        damage(path, Random(0))
        assert path.is_dir() or path.read_bytes() != bytes(1000)


def test_one_other_bit_is_another_end(tmp_path):
    (tmp_path / "frames").mkdir()
    (tmp_path / "weights.safetensors").write_bytes(b"w")
    weights = torch.zeros(3)

    def found(loss: float) -> ordeal.Ends:
        state = {"step": 1, "method": {"w": weights}, "ema": {}, "optimizers": {}}
        torch.save(state, tmp_path / "checkpoint.pt")
        row = {"step": 1, "loss": loss, "wall_seconds": os.urandom(1)[0]}
        (tmp_path / "stats.jsonl").write_text(json.dumps(row))
        return ordeal.ends(tmp_path)

    first = found(1.0)
    assert found(1.0) == first, "how long it took does not count"
    weights[1] = -0.0
    assert found(1.0)["state"] != first["state"]
    assert found(1.0 + 1e-12)["statistics"] != first["statistics"]


def test_a_signal_strikes_where_the_study_itself_was_told_to_ignore_it(tmp_path):
    with handled(("SIGHUP",), signal.SIG_IGN):  # under nohup, say
        sleeper = cold(["-c", "import time; time.sleep(60)"], tmp_path, tmp_path / "said")
        sleeper.send_signal(signal.SIGHUP)
        assert sleeper.wait(30) == -signal.SIGHUP


SMALL = """
import dataclasses, runpy, sys
from imggen.studies.chaos.study import Config
experiment = runpy.run_path("experiments/chaos.py")["experiment"]
vae = dataclasses.replace(experiment.trainings[1], steps=300)
kinds = ("SIGTERM", "disk full", "bit flipped", "second process")
small = dataclasses.replace(experiment, trainings=(vae,), settings=Config(1, 0, kinds))
small.main()
"""


@pytest.mark.slow
def test_a_small_one_ends_with_the_same_bits(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", SMALL, "--run-dir", tmp_path, "--no-publish"],
        cwd=REPOSITORY,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    end = "VAE: 4 of 4 faults survived; equal to the undisturbed one: "
    assert end + "weights, state, statistics, frames" in done.stdout


def test_what_is_published_survived_a_hundred_faults():
    found = json.loads((PUBLISHED / FILE).read_text())
    struck = [fault for training in found["trainings"] for fault in training["faults"]]
    assert len(struck) >= 100
    assert {training["name"] for training in found["trainings"]} == {"GAN", "VAE"}
    assert all(all(training["equal"].values()) for training in found["trainings"])
    assert all(fault["survived"] for fault in struck)
    assert {fault["kind"] for fault in struck} == set(faults.KINDS)
