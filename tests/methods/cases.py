"""Every paper, found by looking, and the stand-ins: what the contract suite runs over."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import stand_ins
import torch

import imggen.methods
from imggen.data import datasets
from imggen.data.images import Images
from imggen.methods import Batch, Method, Spec
from imggen.runs.conditions import offered
from imggen.runs.folder import RunDir
from imggen.runs.sampling import Trained
from imggen.training.config import TrainConfig
from imggen.training.loop import Trainer


class Case(NamedTuple):
    """A method with its smallest settings."""

    module: ModuleType
    kind: type[Method]
    config: Any

    def build(self, spec: Spec) -> Method:
        torch.manual_seed(0)
        return self.kind(self.config, spec)


def methods_of(module: ModuleType) -> list[type[Method]]:
    """The classes with a training_step that a module defines."""
    classes = [value for _, value in inspect.getmembers(module, inspect.isclass)]
    own = [value for value in classes if value.__module__ == module.__name__]
    return [value for value in own if hasattr(value, "training_step")]


PAPERS: dict[str, Case] = {}
for found in pkgutil.iter_modules(imggen.methods.__path__):
    paper = importlib.import_module(f"imggen.methods.{found.name}")
    (kind,) = methods_of(paper)
    PAPERS[found.name] = Case(paper, kind, paper.Config.tiny())

STAND_INS = {
    kind.__name__: Case(stand_ins, kind, stand_ins.Config()) for kind in methods_of(stand_ins)
}
CASES = PAPERS | STAND_INS


def digits() -> Images:
    """360 small digits with labels, and their negatives as images to start from."""
    images = datasets.load("digits", "test")
    return replace(images, sources=255 - images.pixels)


def spec_of(shape: tuple[int, int, int] = (1, 8, 8)) -> Spec:
    """What data of this shape offer: ten labels, and grey images to start from."""
    return Spec(shape, classes=10, source=(1, *shape[1:]))


def batch_for(method: Method, n: int = 16) -> Batch:
    """Random images and the conditions that the method takes."""
    generator = torch.Generator().manual_seed(1)
    x = torch.rand(n, *method.spec.shape, generator=generator) * 2 - 1
    return Batch(x, conditions_for(method, n))


def conditions_for(method: Method, n: int) -> torch.Tensor | None:
    generator = torch.Generator().manual_seed(2)
    if method.spec.source is not None:
        return torch.rand(n, *method.spec.source, generator=generator) * 2 - 1
    return torch.arange(n) % 10 if method.spec.classes else None


def trained_on_digits(method: Method, sampler: object | None = None) -> Trained:
    """A method as if it had seen the digits, and how one samples."""
    return Trained(method, sampler, (36,) * 10, digits().sources)


def trainer(folder: Path, case: Case, images: Images | None = None, **settings: Any) -> Trainer:
    """The real loop with a method, on small digits."""
    run = RunDir(folder)
    run.create()
    settings = {"steps": 30, "batch_size": 20, "log_steps": 7, "device": "cpu", **settings}
    images = images or digits()
    assert offered(images).classes == 10
    return Trainer(case.build, images, TrainConfig(**settings), run, {"method": str(case.kind)})


def keep_no_frame(method: Method, step: int) -> None:
    """In place of a picture."""
