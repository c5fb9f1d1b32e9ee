"""Choosing a device, and what happens to freed memory."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from imggen.system import distributed, peers
from imggen.system.device import choose_device
from imggen.system.errors import UserError
from imggen.system.world import World

REPOSITORY = Path(__file__).resolve().parents[2]


def test_cuda_without_cuda_is_refused():
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    with pytest.raises(UserError, match=r"use --train\.device cpu"):
        choose_device("cuda")
    with pytest.raises(UserError, match="Unknown device"):
        choose_device("warp drive")


def test_each_process_needs_a_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_device("cuda", World(1, 3, 1)) == torch.device("cuda:1")
    with pytest.raises(UserError, match="Start as many processes as there are GPUs"):
        choose_device("auto", World(2, 3, 2))


def test_a_gpu_for_each_process_where_a_cluster_shows_each_its_own(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert choose_device("cuda", World(1, 2, 1)) == torch.device("cuda:0")

    def said_by(*gpus):
        facts = {"kind of device": "cuda"}
        texts = [json.dumps({"host": "n1", "gpu": gpu, "facts": facts}) for gpu in gpus]
        return lambda: SimpleNamespace(gather=lambda text: texts)

    about = SimpleNamespace(uuid="b")
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: about)
    monkeypatch.setattr(peers, "peers", said_by("a", "b"))
    distributed.refuse_unlike({}, torch.device("cuda:0"), World(1, 2, 1))
    monkeypatch.setattr(peers, "peers", said_by("b", "b"))
    with pytest.raises(UserError, match="Processes 0 and 1 have one GPU of n1 between them"):
        distributed.refuse_unlike({}, torch.device("cuda:0"), World(1, 2, 1))


def test_products_with_denormal_numbers_are_zero_in_all_threads():
    code = """
import numpy as np, torch
from imggen.system.device import forgets_tiny_numbers, prepare_torch
torch.set_num_threads(2)
tiny = torch.from_numpy(np.full(2**20, 1e-39, np.float32))  # by no thread of torch
print(forgets_tiny_numbers())
prepare_torch()
print(forgets_tiny_numbers(), (tiny * 1e30).sum().item())
"""
    said = subprocess.check_output([sys.executable, "-c", code], text=True).split()
    assert said == ["False", "True", "0.0"]


def test_training_waits_for_no_library_that_it_does_not_use(tmp_path):
    code = """
import sys
sys.argv = ["x", "--data.name", "digits", "--train.steps", "2", "--train.frames", "0",
            "--no-publish", "--run-dir", sys.argv[1]]
import runpy
try:
    runpy.run_path("experiments/vae_mnist.py", run_name="__main__")
finally:
    unused = ("sklearn", "scipy.stats", "matplotlib", "torchvision", "torch._dynamo")
    print([name for name in unused if name in sys.modules])
"""
    command = [sys.executable, "-c", code, tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY)
    assert done.stdout.endswith("[]\n"), done.stdout + done.stderr


PAGE_FAULTS = """
import resource, sys, torch
from imggen.system.device import keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
def step():
    kept = [torch.ones(10_000_000) for _ in range(3)]
step(); step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc returns it so eagerly")
def test_freed_memory_is_kept_for_the_next_step():
    def faults(argument: str) -> int:
        command = [sys.executable, "-c", PAGE_FAULTS, argument]
        return int(subprocess.run(command, capture_output=True, check=True, text=True).stdout)

    # Each step touches 120 MB, which are 29,297 pages of 4 kB.
    assert faults("keep") < 60_000 < 250_000 < faults("default")
