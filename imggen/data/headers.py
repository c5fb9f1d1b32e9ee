"""Which files of a folder are images, and what their headers say, before any is decoded."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from imggen.system.errors import UserError

SUFFIXES = {".png", ".jpg", ".jpeg", ".jfif", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm",
            ".pgm", ".avif"}  # fmt: skip
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM", "AVIF")
"""What is decoded, whatever a file is called: Pillow would start other programs for some kinds."""
SEVERAL = ("GIF", "PNG", "WEBP", "TIFF", "AVIF")
"""What may move or have pages; what a camera puts behind a JPEG is no picture of ours."""
UNREAD = {".heic", ".heif", ".jxl", ".jp2", ".svg", ".psd", ".cr2", ".nef", ".arw", ".dng", ".exr"}
"""Images too, but of kinds that are not read here: said, not skipped."""
GREY_MODES = ("1", "L", "LA")
ALPHA_MODES = ("LA", "RGBA", "PA", "La", "RGBa")
BROKEN = (OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, EOFError, MemoryError,
          OverflowError, Image.DecompressionBombError)  # fmt: skip
"""What Pillow raises for files that are no (whole) images, or absurdly large ones."""
ORIENTATION = 0x0112
"""The EXIF tag that says how a camera was held."""
BITS_PER_SAMPLE = 258
"""The TIFF tag."""


class Header(NamedTuple):
    """What an image is, as a viewer shows it."""

    width: int
    height: int
    grey: bool


def is_run(folder: Path) -> bool:
    """Whether a folder is that of a run, finished or not, or of a published one."""
    has = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    return {"manifest.json", "weights.safetensors"} <= has or {"log.txt", "stats.jsonl"} <= has


def image_files(folder: Path) -> list[Path]:
    """The image files below a folder, sorted, through links; nothing that is hidden.

    Raises: UserError when there is none, for an image of a kind that is not read, for something
    that is no file, and for the folder of a run.
    """
    found, wrong = listed(folder)
    if wrong:
        raise UserError(wrong[0])
    return found


def listed(folder: Path) -> tuple[list[Path], list[str]]:
    """The image files below a folder as `image_files`, and what is wrong with others.

    Raises: UserError when there is neither, and for the folder of a run.
    """
    if is_run(folder):
        raise UserError(
            f"{folder} is the folder of a run, and its pictures are grids, not images: run its "
            "command again until it is finished, and give it as FAKE."
        )
    found, wrong = [], []
    for path in sorted(_walk(folder)):
        suffix = path.suffix.lower()
        if suffix in UNREAD:
            wrong.append(f"{path} is of a kind that is not read: convert it to PNG first.")
        elif suffix in SUFFIXES and not path.is_file():
            what = "a link to nothing" if not path.exists() else "no regular file"
            wrong.append(f"{path} is {what}: remove it.")
        elif suffix in SUFFIXES:
            found.append(path)
    if not found and not wrong:
        raise UserError(f"{folder} holds no images ({', '.join(sorted(SUFFIXES))}).")
    return found, wrong


def _walk(folder: Path) -> Iterator[Path]:
    """Files below a folder; links to folders are followed, once each."""
    seen: set[str] = set()

    def refuse(error: OSError) -> None:
        raise UserError(f"{error.filename} can't be read ({error.strerror}).") from error

    for place, folders, files in os.walk(folder, followlinks=True, onerror=refuse):
        if os.path.realpath(place) in seen:
            folders.clear()
            continue
        seen.add(os.path.realpath(place))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(place) / name for name in files if not name.startswith("."))


def header(path: Path) -> Header:
    """Size and kind of an image; of its pixels nothing is decoded.

    Raises: UserError for a file that is no image, has more than 8 bits a channel, or shows several
    pictures one after the other.
    """
    try:
        with Image.open(path, formats=FORMATS) as image:
            mode, (width, height) = image.mode, image.size
            deep = mode.startswith(("I", "F")) or _bits(path, image) > 8
            turned = _orientation(image) in (5, 6, 7, 8)
            several = image.format in SEVERAL and image.is_animated  # type: ignore[attr-defined]
    except BROKEN as error:
        raise unreadable(path, error) from error
    if deep:
        raise UserError(
            f"{path} has more than 8 bits a channel ({mode}): convert it to 8 bits first."
        )
    if several:
        raise UserError(
            f"{path} holds several pictures, frames or pages: save those you mean as files of "
            "their own."
        )
    width, height = (height, width) if turned else (width, height)
    return Header(width, height, mode in GREY_MODES)


def _orientation(image: Image.Image) -> int:
    """How the camera was held. Of a PNG `getexif` would decode all pixels."""
    if image.format != "PNG":
        return int(image.getexif().get(ORIENTATION, 1))
    exif = Image.Exif()
    exif.load(image.info.get("exif", b""))
    return int(exif.get(ORIENTATION, 1))


def _bits(path: Path, image: Image.Image) -> int:
    """Bits of a channel in the file: Pillow shows 16 of a PNG, TIFF or PPM as 8."""
    if image.format == "PNG":
        with open(path, "rb") as file:
            return file.read(25)[24]
    if image.format == "PPM":
        with open(path, "rb") as file:
            head = re.sub(rb"#[^\n]*\n", b" ", file.read(200)).split()
        return 16 if len(head) > 3 and head[3].isdigit() and int(head[3]) > 255 else 8
    if image.format == "TIFF":
        bits = image.tag_v2.get(BITS_PER_SAMPLE, (8,))  # type: ignore[attr-defined]
        return max(bits) if isinstance(bits, tuple) else int(bits)
    return 8


def unreadable(path: Path, error: BaseException) -> UserError:
    """What to tell about a file that is no (whole) image."""
    return UserError(
        f"{path} can't be read as an image ({error}): remove or repair it, or skip such files with "
        "--skip-unreadable (imggen evaluate)."
    )
