"""Are the published figures what the experiment scripts would make today?"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from imggen.runs.places import assets, repository
from imggen.runs.provenance import SCORING, source_hash
from imggen.runs.settings import as_json, differences, inputs
from imggen.system.errors import UserError
from imggen.system.files import read_json, sha256_file


def load_experiments(folder: Path) -> Iterator[Any]:
    """The `experiment` of each script in experiments/, in the order of their names.

    Raises: UserError when a script has none or can't be imported.
    """
    for path in sorted(folder.glob("*.py")):
        spec = importlib.util.spec_from_file_location(f"_experiment_{path.stem}", path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
            yield module.experiment
        except Exception as error:
            raise UserError(
                f"{path} can't be read as an experiment ({type(error).__name__}: {error})."
            ) from error


def check(experiment: Any, folder: Path) -> dict[str, Any]:
    """State of one published experiment: {"slug", "state", "reasons"}."""
    if not (folder / "manifest.json").exists():
        return {
            "slug": experiment.slug,
            "state": "missing",
            "reasons": [f"no {folder.name}/manifest.json"],
        }
    manifest = read_json(folder / "manifest.json")
    reasons = list(differences(inputs(manifest["config"]), inputs(as_json(experiment.config()))))
    if manifest["method"] != experiment.method_path:
        reasons.append(f"method was {manifest['method']} and is now {experiment.method_path}")
    elif manifest["source_hash"] != source_hash(experiment.method.__module__):
        reasons.append(f"the code of {experiment.method.__module__} or of what it imports changed")
    if (folder / "metrics.json").exists():
        protocol = read_json(folder / "metrics.json")["protocol"]
        if protocol.get("code") != source_hash(SCORING):
            reasons.append("the code of the metrics changed: --from-published scores again")
    for name, expected in manifest["files"].items():
        path = folder / name
        if not path.exists():
            reasons.append(f"{name} is gone")
        elif sha256_file(path) != expected:
            reasons.append(f"{name} is not the file that was published")
    return {"slug": experiment.slug, "state": "stale" if reasons else "fresh", "reasons": reasons}


def status(repo: Path | None = None, docs: Path | None = None) -> list[dict[str, Any]]:
    """One row per experiment script: slug, state (fresh, stale or missing) and the reasons."""
    repo = repo or repository()
    folder = assets(docs or repo / "docs")
    return [check(e, folder / e.slug) for e in load_experiments(repo / "experiments")]
