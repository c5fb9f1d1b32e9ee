"""Files into a folder of docs/, and last the manifest that vouches for them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from imggen.runs.settings import Manifest
from imggen.system.errors import UserError
from imggen.system.files import read_json, sha256_file, write_bytes, write_json


def publish(
    folder: Path, files: dict[str, bytes], metrics: Mapping[str, object] | None, manifest: Manifest
) -> None:
    """Writes figures, weights and metrics.json, and last the manifest with the hash of each file.

    Files that the manifest before named and that are not made any more are removed. Files that it
    did not name are somebody else's: they stay, and no manifest vouches for them.

    Raises: UserError when the folder is not writable or the disk is full.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            write_bytes(folder / name, content)
        if metrics is not None:
            write_json(folder / "metrics.json", metrics)
        made = sorted({*files, *(["metrics.json"] if metrics is not None else [])})
        for name in _named_before(folder) - {*made}:
            (folder / name).unlink(missing_ok=True)
        hashes = {name: sha256_file(folder / name) for name in made}
        write_json(folder / "manifest.json", {**manifest, "files": hashes})
    except OSError as error:
        raise UserError(f"Can't publish to {folder} ({error.strerror}).") from error


def _named_before(folder: Path) -> set[str]:
    """The files of the folder that its manifest names."""
    manifest = folder / "manifest.json"
    named = read_json(manifest).get("files", {}) if manifest.exists() else {}
    return {name for name in named if Path(name).name == name}
