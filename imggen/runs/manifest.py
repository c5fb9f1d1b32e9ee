"""What a manifest says of the code, the machine and the command."""

from __future__ import annotations

import shlex
import subprocess
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from imggen.methods import Method
from imggen.runs.places import checkout
from imggen.system.files import Json

PACKAGES = ("torch", "torchvision", "numpy", "scikit-learn", "matplotlib", "imageio", "safetensors")


PLACES = ("--data.root", "--run-dir", "--docs-dir")


def git_state() -> Json:
    """Commit of the checkout, and whether its package or experiments differ from it.

    Both are None outside a checkout, or where git is missing.
    """

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True
        ).stdout.strip()

    root = checkout()
    if root is None:
        return {"commit": None, "dirty": None}
    try:
        return {
            "commit": git("rev-parse", "HEAD"),
            "dirty": bool(git("status", "--porcelain", "--", "imggen", "experiments")),
        }
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "dirty": None}


def package_versions() -> dict[str, str]:
    """Installed versions of the packages that numbers depend on."""
    return {name: found for name in PACKAGES if (found := _installed(name)) is not None}


@cache
def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def command_line() -> str:
    """The command of this process, as one can type it again from the repository's root."""
    program = Path(sys.argv[0])
    root = checkout()
    if root is not None and program.resolve().is_relative_to(root):
        program = program.resolve().relative_to(root)
    return shlex.join(["python", str(program), *_without_places(sys.argv[1:])])


def _without_places(arguments: list[str]) -> list[str]:
    """The arguments without this machine's folders, which are nobody's business."""
    told = []
    for before, argument in zip(["", *arguments], arguments, strict=False):
        flag, equals, _ = argument.partition("=")
        if before.replace("_", "-") in PLACES:
            told.append("DIR")
        else:
            hidden = equals and flag.replace("_", "-") in PLACES
            told.append(f"{flag}=DIR" if hidden else argument)
    return told


def n_parameters(method: Method) -> int:
    """Number of trainable scalars."""
    return sum(p.numel() for p in method.parameters() if p.requires_grad)
