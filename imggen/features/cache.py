"""How large the folder of kept features may grow."""

from __future__ import annotations

import contextlib
from pathlib import Path

from imggen.system.files import user_cache, write_bytes

MOST_BYTES = 2 * 2**30


def cache_folder() -> Path:
    """Where `imggen.features.extract` keeps them."""
    return user_cache() / "features"


def prune(folder: Path, most_bytes: int = MOST_BYTES) -> None:
    """Removes the files that were used longest ago, until the others take at most `most_bytes`."""
    files = []
    for path in folder.glob("*.npz"):
        with contextlib.suppress(OSError):  # another process removed it
            files.append((path.stat().st_atime, path.stat().st_size, path))
    total = 0
    for _, size, path in sorted(files, reverse=True):
        if total + size <= most_bytes:
            total += size
        else:
            with contextlib.suppress(OSError):
                path.unlink()


def forget_older_code(folder: Path, code: str) -> None:
    """Removes features that other code than today's has made; `code` is a hash of today's."""
    stamp = folder / "code"
    with contextlib.suppress(OSError):
        if stamp.exists() and stamp.read_text(encoding="utf-8") == code:
            return
        for path in folder.glob("*.npz"):
            path.unlink(missing_ok=True)
        write_bytes(stamp, code.encode())
