"""From a run directory or a published slug back to a generator that samples."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from imggen.data import Images, to_uint8
from imggen.determinism import derive_seed
from imggen.errors import UserError
from imggen.files import sha256_file
from imggen.run import read_json


def repository() -> Path:
    """The folder that holds experiments/ and docs/: the current one, else this checkout."""
    here = Path.cwd()
    return here if (here / "experiments").is_dir() else Path(__file__).resolve().parents[1]


def assets(docs: Path | None = None) -> Path:
    """Where published experiments lie below a docs folder (the repository's by default)."""
    return (docs or repository() / "docs") / "assets" / "experiments"


def find(run: str | Path, docs: Path | None = None) -> Path:
    """The folder of a run directory or a published slug.

    Raises: UserError that lists the published slugs when it is neither.
    """
    if (Path(run) / "manifest.json").is_file():
        return Path(run)
    if (assets(docs) / str(run) / "weights.safetensors").is_file():  # the audit has no generator
        return assets(docs) / str(run)
    if Path(run).is_dir():
        raise UserError(f"{run} holds no manifest.json: its run is not finished, or it is no run.")
    slugs = sorted(path.parent.name for path in assets(docs).glob("*/weights.safetensors"))
    raise UserError(
        f"{run} is no folder, no file, no run directory and no published experiment: choose one of "
        f"{', '.join(slugs) or '(none is published yet)'}."
    )


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


@torch.inference_mode()
def generate(method: Any, n: int, seed: int, block: int = 500) -> Tensor:
    """`n` images as uint8 (n, C, H, W) on the CPU, from latents seeded by `seed`."""
    generator = torch.Generator().manual_seed(derive_seed("samples", seed))
    z = method.latents(n, generator)
    device = next(method.parameters()).device
    return torch.cat([to_uint8(method.sample(part.to(device))).cpu() for part in z.split(block)])


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
