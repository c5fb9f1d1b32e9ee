"""Where runs and published experiments lie."""

from __future__ import annotations

from pathlib import Path

from imggen.system.errors import UserError


def repository() -> Path:
    """The folder that holds experiments/ and docs/: the current one, else this checkout."""
    here = Path.cwd()
    return here if (here / "experiments").is_dir() else Path(__file__).resolve().parents[2]


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
