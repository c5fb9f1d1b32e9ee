"""Rows of the card that says how a published experiment was made."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from macro import MacroError

from imggen import sweep
from imggen.evaluation import latents
from imggen.studies import binary, comparison, ladder, likes_others, process, trade
from imggen.studies.checkpoints import study as checkpoints
from imggen.studies.requeue import study as requeue
from imggen.system.files import Json

DOWNLOADS = {
    "metrics": "metrics.json",
    "numbers": "audit.json",
    "scores": binary.FILE,
    "comparison": comparison.FILE,
    "trainings": sweep.FILE,
    "curve": trade.FILE,
    "ladder": ladder.FILE,
    "passes": process.FILE,
    "latents": latents.FILE,
    "likelihoods": likes_others.FILE,
    "timeline": requeue.FILE,
    "seconds": checkpoints.FILE,
    "weights": "weights.safetensors",
}
"""What a reader may want of the files that were published."""


def downloads(files: Iterable[str], link: Callable[[str], str]) -> str:
    """Links to the manifest and to those of `files` that a reader may want."""
    shown = {"manifest": "manifest.json"}
    shown |= {title: name for title, name in DOWNLOADS.items() if name in files}
    return ", ".join(f"[{title}]({link(name)})" for title, name in shown.items())


UNITS = ((1e15, "PFLOP"), (1e12, "TFLOP"), (1e9, "GFLOP"))


def flops_text(flops: float) -> str:
    """In peta-FLOP, 10^15, or tera-FLOP below a tenth of that, and so on, to two digits."""
    size, unit = next(each for each in UNITS if flops >= each[0] / 10 or each is UNITS[-1])
    return f"{float(f'{flops / size:.2g}'):g} {unit}"


def flops_of(manifest: Json, of: str) -> str:
    """What a training cost, or an image costs. Raises: MacroError for another word."""
    if of not in ("training", "image"):
        raise MacroError(f"flops of a training or of an image, not of {of}")
    if of == "training":
        return flops_text(manifest["training_flops"])
    return flops_text(manifest["sampling"]["flops_per_image"])


def about_data(dataset: Json | None) -> dict[str, str]:
    """The card's row about the data, where there were any."""
    if dataset is None:
        return {}
    name = f"{dataset['name']}:{dataset['split']}"
    return {"data": f"{name}, {dataset['images']:,} images, SHA-256 `{dataset['sha256'][:12]}…`"}


def about_training(manifest: Json) -> dict[str, str]:
    """Rows of the card about a training, or only how long it took when nothing was trained."""
    minutes = f"{manifest['wall_seconds'] / 60:.0f} minutes"
    if "steps" not in manifest:
        return {"time": minutes}
    script = manifest["command"].split()[1]
    return {
        "only the figures": f"`python {script} --from-published`",
        "training": f"{manifest['steps']:,} steps, {minutes}, "
        f"{manifest['images_per_second']:,} images/s, {manifest['config']['train']['precision']}",
        "cost of the training": flops_text(manifest["training_flops"]),
        "parameters": f"{manifest['parameters']:,}",
    }
