"""Where runs and published experiments lie."""

from __future__ import annotations

from pathlib import Path

from imggen.system.errors import UserError

PACKAGE = Path(__file__).resolve().parents[1]
PACKAGED = PACKAGE / "published"
"""The published generators in an installed wheel: setup.py puts them there."""


def checkout() -> Path | None:
    """The checkout that this package lies in; None where it was installed from a wheel.

    No other folder counts, however much it looks like one: its scripts would be run.
    """
    root = PACKAGE.parent
    return root if (root / "experiments").is_dir() and (root / "mkdocs.yml").is_file() else None


def runs() -> Path:
    """Where runs are kept: in the checkout, else where one stands."""
    return (checkout() or Path.cwd()) / "runs"


def assets(docs: Path | None = None) -> Path:
    """Where published experiments lie below a docs folder; by default those that came with us."""
    if docs is None:
        own = checkout()
        if own is None:
            return PACKAGED
        docs = own / "docs"
    return docs / "assets" / "experiments"


def find(run: str | Path, docs: Path | None = None) -> Path:
    """The folder of a run directory or a published slug.

    Raises: UserError that lists the published slugs when it is neither.
    """
    if (Path(run) / "manifest.json").is_file():
        return Path(run)
    if (assets(docs) / str(run) / "weights.safetensors").is_file():  # the audit has no generator
        return assets(docs) / str(run)
    slugs = sorted(path.parent.name for path in assets(docs).glob("*/weights.safetensors"))
    if str(run) and (assets(docs) / str(run) / "manifest.json").is_file():
        raise UserError(
            f"{run} is a published study and holds no generator: choose one of {', '.join(slugs)}."
        )
    if Path(run).is_dir():
        raise UserError(f"{run} holds no manifest.json: its run is not finished, or it is no run.")
    raise UserError(
        f"{run} is no folder, no file, no run directory and no published experiment: choose one of "
        f"{', '.join(slugs) or '(none is published yet)'}."
    )
