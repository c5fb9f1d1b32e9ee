"""From a run directory or a published slug back to a generator that samples."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file

from imggen.data.images import Images
from imggen.runs.places import find
from imggen.runs.sampling import generate
from imggen.system.errors import UserError
from imggen.system.files import read_json, sha256_file


def build(manifest: dict[str, Any]) -> Any:
    """The method that a manifest describes, with fresh weights."""
    module_name, class_name = manifest["method"].split(":")
    module = importlib.import_module(module_name)
    settings = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in manifest["config"]["method"].items()
    }
    return getattr(module, class_name)(module.Config(**settings), tuple(manifest["shape"]))


def load(folder: Path) -> tuple[Any, dict[str, Any]]:
    """The method with its published weights, ready to sample on the CPU, and its manifest.

    Raises: UserError when the weights are missing, damaged or of another method.
    """
    manifest = read_json(folder / "manifest.json")
    path = folder / "weights.safetensors"
    try:
        expected = manifest["files"]["weights.safetensors"]
        if sha256_file(path) != expected:
            raise UserError(
                f"{path} is not the file that its manifest describes (SHA-256 differs)."
            )
        method = build(manifest)
        weights = load_file(path)
    except (OSError, SafetensorError) as error:
        raise UserError(f"{path} can't be read ({error}).") from error
    except (KeyError, TypeError, AttributeError, ImportError) as error:
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
    return method.eval().requires_grad_(False), manifest


def sample_images(run: str | Path, n: int, seed: int = 0, docs: Path | None = None) -> Images:
    """`n` generated images of a run directory or published slug, as a dataset."""
    method, manifest = load(find(run, docs))
    return Images(
        name=manifest["slug"],
        split=f"samples, seed {seed}",
        pixels=generate(method, n, seed),
        labels=None,
        classes=(),
    )
