"""Are the published figures what the experiment scripts would make today?"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

from imggen.features.lenet import frozen_sha256
from imggen.publishing.study import Study
from imggen.runs.places import assets, checkout
from imggen.runs.provenance import SCORING, source_hash
from imggen.runs.settings import Manifest, as_json, differences, inputs
from imggen.system.errors import UserError
from imggen.system.files import Json, read_json, sha256_file


def load_experiments(folder: Path) -> Iterator[Study]:
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


def damages(folder: Path, manifest: Manifest) -> list[str]:
    """What is wrong with the files of a publication: one is gone, another one, or nobody's."""
    expected: dict[str, str] = manifest["files"]
    there = {path.name: path for path in folder.iterdir() if path.name != "manifest.json"}
    reasons = [f"{name} is not in its manifest" for name in sorted(there.keys() - expected.keys())]
    for name, digest in expected.items():
        if name not in there:
            reasons.append(f"{name} is gone")
        elif sha256_file(there[name]) != digest:
            reasons.append(f"{name} is not the file that was published")
    return reasons


def intact(folder: Path, *files: str) -> Manifest:
    """The manifest of a publication that is drawn again from these of its files.

    Raises: UserError when one of them is gone, or is not the one that was published.
    """
    manifest = read_json(folder / "manifest.json")
    for reason in damages(folder, manifest):
        if reason.startswith(files):
            raise UserError(
                f"{folder}: {reason}, and only trainings make it: bring it back, or run without "
                "this flag."
            )
    return manifest


def damaged(assets_folder: Path) -> list[str]:
    """What is wrong with all published files, each with its slug; the site refuses to be built."""
    problems = []
    for folder in sorted(path for path in assets_folder.glob("*") if path.is_dir()):
        if (folder / "manifest.json").exists():
            found = damages(folder, read_json(folder / "manifest.json"))
        else:
            found = ["it has no manifest.json"]
        problems += [f"{folder.name}: {reason}" for reason in found]
    return problems


def check(experiment: Study, folder: Path, scoring: str) -> Json:
    """State of one published experiment: {"slug", "state", "reasons"}.

    `scoring` is the hash of today's code of the metrics.
    """
    if not (folder / "manifest.json").exists():
        return {
            "slug": experiment.slug,
            "state": "missing",
            "reasons": [f"no {folder.name}/manifest.json"],
        }
    manifest, module = read_json(folder / "manifest.json"), experiment.method_path.split(":")[0]
    reasons = list(differences(inputs(manifest["config"]), inputs(as_json(experiment.config()))))
    if manifest["method"] != experiment.method_path:
        reasons.append(f"method was {manifest['method']} and is now {experiment.method_path}")
    elif manifest["source_hash"] != source_hash(module):
        reasons.append(f"the code of {module} or of what it imports changed")
    if manifest.get("loop") != experiment.loop:
        reasons.append(
            f"the training loop's arithmetic changed (version {manifest.get('loop')} to "
            f"{experiment.loop})"
        )
    measured = manifest
    if (folder / "metrics.json").exists():
        measured = read_json(folder / "metrics.json")
        if measured["protocol"].get("code") != scoring:
            reasons.append("the code of the metrics changed: --from-published scores again")
    features = measured.get("features", {"name": ""})
    frozen = frozen_sha256(features["name"])
    if frozen is not None and features["sha256"] != frozen:
        reasons.append(f"the weights of our classifier {features['name']} changed: score again")
    reasons += damages(folder, manifest)
    return {"slug": experiment.slug, "state": "stale" if reasons else "fresh", "reasons": reasons}


def status(repo: Path | None = None, docs: Path | None = None) -> list[Json]:
    """One row per experiment script: slug, state (fresh, stale or missing) and the reasons.

    Raises: UserError outside a checkout of imggen.
    """
    repo = repo or checkout()
    if repo is None:
        raise UserError(
            "imggen status compares what is published with the scripts in experiments/, and this "
            "imggen was installed without them: clone its repository."
        )
    if docs is not None and not docs.is_dir():
        raise UserError(f"--docs-dir {docs} is no folder: give the one that holds assets/.")
    folder = assets(docs or repo / "docs")
    scoring = source_hash(*SCORING)
    return [check(e, folder / e.slug, scoring) for e in load_experiments(repo / "experiments")]
