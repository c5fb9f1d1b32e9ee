"""From a run directory or a published slug back to a generator that samples."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import tyro
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from imggen import methods
from imggen.data.datasets import DataConfig
from imggen.data.images import Images
from imggen.methods import Method, Spec
from imggen.runs.places import find
from imggen.runs.sampling import Trained, generated
from imggen.runs.settings import Manifest
from imggen.system import compiler
from imggen.system.errors import UserError
from imggen.system.files import read_json, sha256_file


def build(manifest: Manifest) -> Method:
    """The method that a manifest describes, with fresh weights."""
    compiler.leave_optimizers_alone()
    module, kind = paper(manifest)
    shape, classes, source = (manifest["spec"][key] for key in Spec._fields)
    spec = Spec(tuple(shape), classes, source and tuple(source))
    method: Method = kind(settings(module.Config, manifest), spec)
    return method


def label_counts(manifest: Manifest, classes: int) -> tuple[int, ...]:
    """How often each label occurred in training. Raises: ValueError for other than counts."""
    counts = tuple(manifest["dataset"]["label_counts"])
    whole = all(isinstance(count, int) and count >= 0 for count in counts)
    if not whole or (classes and (len(counts) != classes or not sum(counts))):
        raise ValueError(f"its label_counts are no {classes} counts")
    return counts


def paper(manifest: Manifest) -> tuple[ModuleType, type[Any]]:
    """The module of the method that a manifest names, and the method's class.

    Nothing is imported but our papers: a manifest that somebody names can't run other code.

    Raises: ValueError for anything else.
    """
    place, _, name = manifest["method"].partition(":")
    if place.rpartition(".")[0] != methods.__name__ and place not in sys.modules:
        raise ValueError(f"{place} is no module of {methods.__name__}")
    module = importlib.import_module(place)
    kind = getattr(module, name, None)
    if not (inspect.isclass(kind) and issubclass(kind, nn.Module) and kind.__module__ == place):
        raise ValueError(f"{place} defines no method {name}")
    return module, kind


def settings(kind: type[Any], manifest: Manifest, part: str = "method") -> Any:
    """An instance of a paper's `Config` or `Sampler` from a manifest's config."""
    given = manifest["config"][part]
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in given.items()})


def recorded_data(manifest: Manifest, root: Path | None) -> DataConfig:
    """The data that a manifest's run was trained on, looked for below `root`.

    Raises: KeyError or TypeError for a manifest that is not whole.
    """
    return DataConfig(**{**manifest["config"]["data"], "root": root})


def load(folder: Path) -> tuple[Trained, Manifest]:
    """The method with its published weights, ready to sample on the CPU, and its manifest.

    Raises: UserError when the weights are missing, damaged or of another method.
    """
    manifest = read_json(folder / "manifest.json")
    path = folder / "weights.safetensors"
    try:
        if sha256_file(path) != manifest["files"][path.name]:
            raise UserError(
                f"{path} is not the file that its manifest describes (SHA-256 differs)."
            )
        method, weights = build(manifest), load_file(path)
        counts = label_counts(manifest, method.spec.classes)
        kind = getattr(paper(manifest)[0], "Sampler", None)
        sampler = None if kind is None else settings(kind, manifest, "sampler")
    except (OSError, SafetensorError) as error:
        raise UserError(f"{path} can't be read ({error}).") from error
    except (LookupError, TypeError, ValueError, AttributeError, ImportError, RuntimeError) as error:
        if "DefaultCPUAllocator" in str(error):
            raise
        raise UserError(
            f"{folder / 'manifest.json'} does not describe a method of this version of imggen "
            f"({type(error).__name__}: {error}): train it again."
        ) from error
    state = method.published_state()
    if state.keys() != weights.keys() or any(state[k].shape != weights[k].shape for k in state):
        raise UserError(
            f"{path} holds other weights than {manifest['method']} has: train it again."
        )
    method.load_state_dict(weights, strict=False)
    return Trained(method.eval().requires_grad_(False), sampler, counts), manifest


def with_sampler(trained: Trained, options: Sequence[str]) -> Trained:
    """The same with other options of its sampler, each NAME=VALUE: steps=4.

    Raises: UserError for an option that the method's `Sampler` does not have, or a senseless value.
    """
    if not options:
        return trained
    sampler = trained.sampler
    if sampler is None or not dataclasses.is_dataclass(sampler):
        raise UserError(
            f"--sampler {' '.join(options)} was asked for, but this method samples in one way only."
        )
    names = [field.name for field in dataclasses.fields(sampler)]
    flags = []
    for option in options:
        name, _, value = option.partition("=")
        if name not in names or not value:
            raise UserError(f"--sampler {option}: write NAME=VALUE with one of {', '.join(names)}.")
        flags += [f"--{name}", value]
    try:
        chosen = tyro.cli(
            type(sampler),
            default=sampler,
            args=flags,
            console_outputs=False,
            config=(tyro.conf.FlagConversionOff,),
        )
    except (SystemExit, ValueError) as error:
        defaults = ", ".join(f"{name}={getattr(sampler, name)}" for name in names)
        raise UserError(
            f"--sampler {' '.join(options)} is no setting of this sampler: its settings of record "
            f"are {defaults}."
        ) from error
    return dataclasses.replace(trained, sampler=chosen)


def sample_images(
    run: str | Path,
    n: int,
    seed: int = 0,
    docs: Path | None = None,
    label: int | None = None,
    sampler: Sequence[str] = (),
    root: Path | None = None,
) -> Images:
    """`n` generated images of a run directory or published slug, as a dataset.

    Of a conditional method they have the labels that were asked for: `label`, else labels drawn
    like those of the training images.

    Raises: UserError for a label or sampler option that the method does not know.
    """
    folder = find(run, docs)
    trained, manifest = load(folder)
    trained = with_sampler(trained, sampler)
    try:
        slug, classes = str(manifest["slug"]), tuple(map(str, manifest["dataset"]["classes"]))
        data = recorded_data(manifest, root)
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{folder / 'manifest.json'} is not whole ({type(error).__name__}: {error})."
        ) from error
    if trained.method.spec.source is not None:
        trained = dataclasses.replace(trained, sources=data.load("test").sources)
    return generated(trained, n, seed, slug, classes, label)
