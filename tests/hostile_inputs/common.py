"""What a case is, and how its files are made."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image

Make = Callable[[Path], object]


class Case(NamedTuple):
    """One wrong input."""

    kind: str
    what: str
    """For the reader of the page."""
    command: tuple[str, ...]
    """`{}` stands for the case's folder, RUN in it for a copy of a finished run."""
    says: str
    make: Make | None = None
    parsed: bool = False
    """Whether the command line itself is refused, by the parser of flags."""


class Crafted:
    """A pickle that runs code: it makes a file `proof` beside itself."""

    def __init__(self, folder: Path) -> None:
        self.proof = str(folder / "proof")

    def __reduce__(self) -> tuple[object, ...]:
        return open, (self.proof, "w")


RANDOM = np.random.default_rng(0)
GREY = RANDOM.integers(0, 256, (40, 8, 8), dtype=np.uint8)
EVALUATE, SAMPLE = ("imggen", "evaluate"), ("imggen", "sample")
PUBLISHED = ("--docs-dir", "{}/docs")


def folder_of(images: np.ndarray, *parts: str, suffix: str = ".png") -> Make:
    """Makes a folder of these images."""

    def make(folder: Path) -> None:
        target = folder.joinpath(*parts)
        target.mkdir(parents=True, exist_ok=True)
        for number, image in enumerate(images):
            Image.fromarray(image).save(target / f"{number:03}{suffix}")

    return make


def both(*makes: Make) -> Make:
    """One after the other."""

    def make(folder: Path) -> None:
        for each in makes:
            each(folder)

    return make


def content(name: str, data: bytes | str) -> Make:
    """Makes a file."""

    def make(folder: Path) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)

    return make


def array(name: str, value: np.ndarray) -> Make:
    return lambda folder: np.save(folder / name, value)


def archive(name: str, **values: np.ndarray) -> Make:
    return lambda folder: np.savez(folder / name, **values)  # type: ignore[arg-type]


def cut(name: str, share: float = 0.5) -> Make:
    """Keeps the first part of a file."""

    def make(folder: Path) -> None:
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(data[: int(len(data) * share)])

    return make


def saved(value: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def script(name: str, *flags: str) -> tuple[str, ...]:
    """A script on small digits, in a run directory of its own."""
    given = {"--data.name": "digits", "--run-dir": "{}/run", "--train.steps": "20"}
    given |= dict(zip(flags[::2], flags[1::2], strict=True))
    return (f"experiments/{name}.py", *(part for item in given.items() for part in item),
            "--no-publish")  # fmt: skip
