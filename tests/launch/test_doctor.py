"""`imggen doctor`: what is here, what is damaged, and what would stop a run."""

from __future__ import annotations

import json
import os
import platform
import struct
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from imggen.data import whole
from imggen.launch import doctor
from imggen.system import processor


def ask(run, *flags):
    done = run("imggen", "doctor", "--json", *flags)
    assert done.returncode in (0, 1), done.stderr
    told = json.loads(done.stdout)
    assert told["ok"] == (not told["stops"]) == (done.returncode == 0)
    return told


def mnist(root, images: int = 3) -> None:
    """Files in MNIST's format, below a root."""
    raw = root / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part in ("train", "t10k"):
        (raw / f"{part}-images-idx3-ubyte").write_bytes(
            struct.pack(">4I", 2051, images, 28, 28) + bytes(images * 784)
        )
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(
            struct.pack(">2I", 2049, images) + bytes(images)
        )


def test_a_healthy_machine(run, tmp_path):
    mnist(tmp_path / "data")
    (tmp_path / "data" / "KMNIST" / "raw").mkdir(parents=True)
    told = ask(run, "--root", tmp_path / "data", "--run-dir", tmp_path / "runs" / "new")
    assert told["ok"]
    assert told["data"]["mnist"] == {"state": "whole", "about": "4 files"}
    assert (
        told["data"]["cifar10"]["state"] == "absent" and told["data"]["digits"]["state"] == "whole"
    )
    assert told["writing"]["mib_per_second"] > 0 and abs(told["clock"]["seconds"]) < 30
    assert told["torch"]["version"] and told["python"]["imggen"]
    assert not (tmp_path / "runs").exists(), "nothing is left behind"
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
    shown = run("imggen", "doctor", "--run-dir", tmp_path)
    assert shown.stdout.endswith("nothing stops a run\n")


def test_what_would_stop_a_run(run, tmp_path, monkeypatch):
    mnist(tmp_path)
    cut = tmp_path / "MNIST" / "raw" / "t10k-images-idx3-ubyte"
    cut.write_bytes(cut.read_bytes()[:-1])
    monkeypatch.setattr(doctor, "clock_of", lambda place: time.time() - 3600)
    monkeypatch.setattr(doctor, "requires", lambda name: ["torch>=2", "not-installed-here<3"])
    stops = ask(run, "--root", tmp_path, "--run-dir", tmp_path)["stops"]
    assert len(stops) == 3
    assert stops[0] == "packages are missing: pip install not-installed-here."
    assert f"mnist is damaged: {cut} is not as long as it says." in stops[1]
    assert "differ by 3600 s: set them" in stops[2]


def test_a_place_where_no_run_can_be_kept(run, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    assert "is no folder" in ask(run, "--run-dir", tmp_path / "file" / "run")["stops"][0]

    def refuse(place):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(doctor, "_written", refuse)
    monkeypatch.setattr(doctor, "LEAST_FREE_BYTES", 2**80)
    stops = ask(run, "--run-dir", tmp_path)["stops"]
    assert "MiB are free in" in stops[0] and "can't be written (Permission denied)" in stops[1]


def test_the_scheduler_and_the_container_are_named(tmp_path, monkeypatch):
    sinfo = tmp_path / "sinfo"
    sinfo.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && echo slurm 22.05.8 || echo "gpu up 4:00:00 2 gpu:4"\n'
    )
    sinfo.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("APPTAINER_CONTAINER", "/imggen.sif")
    found = doctor._scheduler()
    assert found.says.startswith("slurm 22.05.8: gpu (2 nodes, 4:00:00)")
    assert found.facts["partitions"][0]["resources"] == "gpu:4"
    assert doctor._container().says == "Apptainer"


@pytest.mark.parametrize(
    ("said", "name", "slow"),
    [
        ("model name : A\nflags : fpu avx512f\nmodel name : A\n", "A", True),
        ("model name\t: A\nflags\t\t: fpu avx512_bf16 amx_bf16\n", "A", False),
        ("model name : A\nFeatures : fp asimd bf16\n", "A", False),
        ("processor : 0\n", None, False),
        (None, None, False),
    ],
)
def test_a_processor_without_bf16_is_told(said, name, slow, tmp_path, monkeypatch):
    monkeypatch.setattr(processor, "CPUINFO", tmp_path / "cpuinfo")
    if said is not None:
        (tmp_path / "cpuinfo").write_text(said)
    assert processor.emulates_bf16() is slow
    assert processor.name() == (name or platform.processor() or platform.machine())
    found = doctor._processors()
    assert found.facts["emulates_bf16"] is slow and not found.stops
    assert ("--train.precision fp32" in found.says) is slow


@pytest.mark.parametrize("name", ["camvid", "magnetic_tile", "cifar10_jpeg", "cifar10", "svhn"])
def test_damage_of_each_kind_of_dataset_is_seen(name, tmp_path):
    assert whole.found(tmp_path)[name].state == "absent"
    if name == "camvid":
        for kind in ("images", "labels"):
            for part in whole.CAMVID_PARTS:
                folder = tmp_path / "camvid" / kind / part
                folder.mkdir(parents=True)
                Image.fromarray(np.zeros((2, 2), np.uint8)).save(folder / "a.png")
        assert whole.found(tmp_path)[name] == ("whole", "6 files")
        (tmp_path / "camvid" / "labels" / "val" / "a.png").unlink()
    elif name == "magnetic_tile":
        (tmp_path / "magnetic-tile" / "MT_Free").mkdir(parents=True)
        (tmp_path / "magnetic-tile" / "MT_Free" / "a.jpg").write_bytes(b"\xff\xd8no photo")
    elif name == "cifar10_jpeg":
        (tmp_path / whole.CIFAR10_JPEG).write_bytes(b"\xfd7zXZ\0cut")
    elif name == "cifar10":
        (tmp_path / "cifar-10-batches-py").mkdir()
        (tmp_path / "cifar-10-batches-py" / "data_batch_1").touch()
    else:
        (tmp_path / "train_32x32.mat").write_bytes(b"other")
    assert whole.found(tmp_path)[name].state == "damaged"


def test_the_command_itself_is_quick_to_import():
    """What `imggen` imports before it knows what it is asked must be light."""
    program = "import imggen.cli, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
