"""Pictures on pages: with their size, so that nothing shifts, and still until they are played."""

from __future__ import annotations

import functools
import io
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image

from imggen import sweep
from imggen.evaluation import latents
from imggen.publishing import pictures
from imggen.studies import binary, dirac, ladder, likes_others, process, readable, trade
from imggen.studies.audit import audit
from imggen.studies.chaos import study as chaos
from imggen.studies.checkpoints import study as checkpoints
from imggen.studies.requeue import study as requeue

KINDS = {figure.kind: (figure.file, figure.caption) for figure in pictures.FIGURES}
"""The file and the caption of each kind of figure that a page can ask for."""
for study in (
    audit,
    binary,
    chaos,
    checkpoints,
    dirac,
    ladder,
    latents,
    likes_others,
    process,
    readable,
    requeue,
    sweep,
    trade,
):
    KINDS |= study.FIGURES

PHONE = 500
"""Points beyond which a chart scrolls on a phone: squeezed, its labels could not be read."""

STILL = "-still.png"
"""Ends the name of the last frame of a GIF, made when the site is built."""


@functools.cache
def size(path: Path) -> tuple[int, int]:
    """Width and height of a PNG, GIF or SVG, in pixels."""
    if path.suffix != ".svg":
        with Image.open(path) as image:
            return image.size
    found = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', path.read_text(encoding="utf-8")[:2000])
    if found is None:
        raise ValueError(f"{path} has no viewBox")
    return round(float(found[1])), round(float(found[2]))


def still_of(file: str) -> str:
    """The name of a GIF's still."""
    return file.removesuffix(".gif") + STILL


def stills(docs: Path) -> Iterator[tuple[str, bytes]]:
    """Address below docs/ and PNG of the last frame of each published GIF."""
    paths = sorted((docs / "assets" / "experiments").glob("*/*.gif"))
    with ThreadPoolExecutor() as threads:  # Pillow lets go of the interpreter
        for path, still in zip(paths, threads.map(_last_frame, paths)):
            yield still_of(path.relative_to(docs).as_posix()), still


def _last_frame(path: Path) -> bytes:
    with Image.open(path) as image:
        image.seek(image.n_frames - 1)  # type: ignore[attr-defined]
        buffer = io.BytesIO()
        image.convert("L" if _is_grey(image) else "RGB").save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _is_grey(image: Image.Image) -> bool:
    red, green, blue = image.convert("RGB").split()
    return red.tobytes() == green.tobytes() == blue.tobytes()
