"""The plain loops that ours is compared with: each takes steps of its paper."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"
LOOPS = runpy.run_path(str(SCRIPTS / "plain_loops.py"))


@pytest.mark.parametrize("name", LOOPS["PLAIN"])
def test_a_plain_loop_takes_steps(name, mnist_root, monkeypatch):
    monkeypatch.setitem(LOOPS["PLAIN"][name].__globals__, "BATCH", 8)
    loop = LOOPS["PLAIN"][name](mnist_root, 0)
    for _ in range(2):
        next(loop)


def test_each_loop_has_one_of_ours_beside_it(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    monkeypatch.setattr(sys, "argv", ["benchmark.py"])
    build = runpy.run_path(str(SCRIPTS / "benchmark.py"))["build"]
    kinds = {name: type(build(name, LOOPS["SPEC"])).__module__ for name in LOOPS["PLAIN"]}
    assert kinds == {name: f"imggen.methods.{name}" for name in kinds}
