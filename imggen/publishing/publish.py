"""Files into a folder of docs/, and last the manifest that vouches for them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from imggen.runs.settings import Manifest
from imggen.system.errors import Interrupted, UserError
from imggen.system.files import read_json, sha256_file, write_bytes, write_json
from imggen.system.signals import StopSignals


def publish(
    folder: Path, files: dict[str, bytes], metrics: Mapping[str, object] | None, manifest: Manifest
) -> None:
    """Writes figures, weights and metrics.json, and last the manifest with the hash of each file.

    Files that the manifest before named and that are not made any more are removed. Files that it
    did not name are somebody else's: they stay, and no manifest vouches for them.

    A signal to stop waits until all is written: figures and manifest belong together.

    Raises: UserError when the folder is not writable or the disk is full.
    """
    with StopSignals().listening() as signals:
        _write(folder, files, metrics, manifest)
    if signals.name is not None:
        raise Interrupted(f"Stopped by {signals.name} after all was published in {folder}.")


def _write(
    folder: Path, files: dict[str, bytes], metrics: Mapping[str, object] | None, manifest: Manifest
) -> None:
    before = _named_before(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            write_bytes(folder / name, content)
        if metrics is not None:
            write_json(folder / "metrics.json", metrics)
        made = sorted({*files, *(["metrics.json"] if metrics is not None else [])})
        for name in before - {*made}:
            (folder / name).unlink(missing_ok=True)
        hashes = {name: sha256_file(folder / name) for name in made}
        write_json(folder / "manifest.json", {**manifest, "files": hashes})
    except OSError as error:
        raise UserError(f"Can't publish to {folder} ({error.strerror}).") from error


def _named_before(folder: Path) -> set[str]:
    """The files of the folder that its manifest names."""
    manifest = folder / "manifest.json"
    try:
        named = read_json(manifest)["files"] if manifest.exists() else {}
        return {name for name in named if Path(name).name == name}
    except (UserError, KeyError, TypeError, OSError):
        return set()  # damaged: it names nothing
