"""What every publication shares: its options, its folder, its manifest."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import torch

from imggen.data.images import Images
from imggen.publishing.publish import publish
from imggen.runs.conditions import label_counts
from imggen.runs.manifest import command_line, git_state, package_versions
from imggen.runs.places import assets, checkout, runs
from imggen.runs.provenance import source_hash
from imggen.runs.settings import Manifest, as_json, inputs
from imggen.system.device import device_name
from imggen.system.errors import UserError
from imggen.system.files import Json, read_json, sha256_json


@dataclass(frozen=True, kw_only=True)
class StudyOptions:
    """What the script of every publication can be asked."""

    run_dir: Path | None = None
    """Where the run is kept; default runs/SLUG."""
    docs_dir: Path | None = None
    """Docs folder to publish to; default docs/ for the settings of record, else RUN_DIR/docs."""
    publish: bool = True
    """Publish figures and numbers when all is done."""
    from_published: bool = False
    """Draw and measure again from what is published, without the long part."""


class Study(Protocol):
    """An experiment, or a question answered on real data: what a script in experiments/ holds."""

    @property
    def slug(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def method_path(self) -> str:
        """module:class of what decides the results."""
        ...

    @property
    def loop(self) -> int | None:
        """Version of the training loop's arithmetic, None where nothing is trained."""
        ...

    def config(self) -> Json:
        """The settings of record, as a manifest holds them."""
        ...


def run_folder(study: Study, options: StudyOptions) -> Path:
    """The folder of the run. Raises: UserError for one that is the current folder."""
    if options.run_dir == Path():
        raise UserError("--run-dir names no folder but this one: give the run one of its own.")
    return options.run_dir or runs() / study.slug


def is_of_record(study: Study, config: Json) -> bool:
    """Whether settings are those of record, apart from what changes no result."""
    return inputs(as_json(config)) == inputs(as_json(study.config()))


def target_folder(study: Study, options: StudyOptions, config: Json) -> Path:
    """Where to publish: docs/ for the settings of record, below the run for others."""
    of_record = is_of_record(study, config)
    if options.docs_dir is None and (not of_record or checkout() is None):
        return assets(run_folder(study, options) / "docs") / study.slug
    return assets(options.docs_dir) / study.slug


def published_folder(study: Study, options: StudyOptions, config: Json) -> Path:
    """The folder of what is published already, to be drawn again.

    Raises: UserError when nothing is, or for options that have no say there.
    """
    if not options.publish:
        raise UserError("--from-published publishes what it draws: leave --no-publish out.")
    asked, record = inputs(as_json(config)), inputs(as_json(study.config()))
    parts = [part for part in record if part != "sampler" and asked[part] != record[part]]
    if parts:
        raise UserError(
            f"--from-published takes what was trained as it is: leave {' and '.join(parts)} alone."
        )
    folder = assets(options.docs_dir) / study.slug
    if not (folder / "manifest.json").exists():
        raise UserError(f"{study.slug} is not published in {folder}: run it without this flag.")
    return folder


def common_manifest(study: Study, config: Json, images: Images | None, seed: int) -> Manifest:
    """What every manifest says of settings, code, data and packages; some studies have no data."""
    config = as_json(config)
    if "data" in config:
        config["data"]["root"] = None  # where the files lie on this machine is nobody's business
    return {
        "slug": study.slug,
        "title": study.title if is_of_record(study, config) else about_other(study, images),
        "command": command_line(),
        "method": study.method_path,
        "config": config,
        "config_hash": sha256_json(inputs(config)),
        "source_hash": source_hash(study.method_path.split(":")[0]),
        "loop": study.loop,
        "dataset": None if images is None else about(images),
        "packages": package_versions(),
        "seed": seed,
    }


@dataclass(frozen=True)
class Begun:
    """When a study that trains nothing began, and with which code."""

    git: Json = field(default_factory=git_state)
    seconds: float = field(default_factory=time.monotonic)

    def facts(self) -> Json:
        """What its manifest says of machine, code and time."""
        return {
            "device": device_name(torch.device("cpu")),
            "git": self.git,
            "wall_seconds": round(time.monotonic() - self.seconds, 1),
        }


def publish_study(
    study: Study, options: StudyOptions, files: dict[str, bytes], manifest: Manifest
) -> None:
    """Publishes figures and numbers of a study: in docs/ for the settings of record."""
    folder = target_folder(study, options, manifest["config"])
    publish(folder, files, None, manifest)
    print(f"published in {folder}")


def published_weights(slugs: Iterable[str]) -> dict[str, str]:
    """SHA-256 of each generator's published weights. Raises: UserError where one is missing."""
    return {
        slug: read_json(assets() / slug / "manifest.json")["files"]["weights.safetensors"]
        for slug in slugs
    }


def about_other(study: Study, images: Images | None) -> str:
    """A title for settings that are not those of record, whose title may name other data."""
    of_what = "" if images is None else f" on {images.name}"
    return f"{study.method_path.rpartition(':')[2]}{of_what}, with other settings"


def about(images: Images) -> Json:
    """A dataset's split as a manifest holds it."""
    return {
        "name": images.name,
        "split": images.split,
        "sha256": images.sha256,
        "conditions_sha256": images.conditions_sha256,
        "images": len(images),
        "classes": list(images.classes),
        "label_counts": list(label_counts(images)),
    }
