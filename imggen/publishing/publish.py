"""Files into a folder of docs/, and last the manifest that vouches for them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from imggen.runs.settings import Manifest
from imggen.system.errors import UserError
from imggen.system.files import sha256_file, write_bytes, write_json


def publish(
    folder: Path, files: dict[str, bytes], metrics: Mapping[str, object] | None, manifest: Manifest
) -> None:
    """Writes figures, weights and metrics.json, and last the manifest with the hash of each file.

    Files of the folder that are not among them are kept and stay in the manifest.

    Raises: UserError when the folder is not writable or the disk is full.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            write_bytes(folder / name, content)
        if metrics is not None:
            write_json(folder / "metrics.json", metrics)
        names = sorted(p.name for p in folder.iterdir() if p.name != "manifest.json")
        hashes = {name: sha256_file(folder / name) for name in names if not name.startswith(".")}
        write_json(folder / "manifest.json", {**manifest, "files": hashes})
    except OSError as error:
        raise UserError(f"Can't publish to {folder} ({error.strerror}).") from error
