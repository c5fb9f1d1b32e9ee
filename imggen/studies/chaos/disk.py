"""A small disk that can be full, and folders that can be closed."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SIZE_MB = 24
BALLAST = "ballast"
BLOCK = 1 << 16
SMALLEST = 1 << 9
"""Bytes that fit into a file when the disk is said to be full by a limit."""


def is_root() -> bool:
    """Whether permissions mean nothing to this process."""
    return os.geteuid() == 0


@dataclass(frozen=True)
class Disk:
    """A folder of its own; a file system of its own where this process may mount one."""

    path: Path
    mounted: bool

    def fill(self, pid: int) -> None:
        """From now on nothing more can be written: no block is left.

        Without a file system of our own the process `pid` may write no file beyond a few bytes.
        """
        if not self.mounted:
            _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (SMALLEST, most))
            return
        with open(self.path / BALLAST, "ab", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(BLOCK))

    def free(self, pid: int) -> None:
        """There is room again."""
        if self.mounted:
            (self.path / BALLAST).unlink(missing_ok=True)
            return
        with contextlib.suppress(ProcessLookupError):
            _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, most))


@contextlib.contextmanager
def small_disk(path: Path) -> Iterator[Disk]:
    """An empty disk at `path`, unmounted at the end; a plain folder where mounting is refused."""
    path.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "imggen-chaos", str(path)]
    mounted = is_root() and _works(mount)
    try:
        yield Disk(path, mounted)
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(path)], check=True)


def close(folder: Path) -> None:
    """Nothing can be made, renamed or removed in `folder` any more.

    Root may write where nobody may, so that there the folder is made immutable instead.
    """
    if is_root():
        subprocess.run(["chattr", "+i", str(folder)], check=True)
    else:
        folder.chmod(0o555)


def open_again(folder: Path) -> None:
    """Undoes `close`."""
    if is_root():
        subprocess.run(["chattr", "-i", str(folder)], check=True)
    else:
        folder.chmod(0o755)


def _works(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False
