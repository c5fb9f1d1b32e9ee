"""Slides as LibreOffice shows them: PDF, and a small picture of each."""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from imggen.system.errors import UserError

SECONDS = 300
"""LibreOffice has so long for one language."""
WIDTH = 896
"""Of the picture of a slide, in pixels."""
SETTINGS = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry">
<item oor:path="/org.openoffice.Setup/L10N"><prop oor:name="ooSetupSystemLocale" oor:op="fuse">
<value>{locale}</value></prop></item>
</oor:items>
"""
"""A profile of its own, in whose language the numbers of charts are written."""
LOCALES = {"en": "en-GB", "fr": "fr-FR"}


def program(*names: str) -> str:
    """The first of some programs that is installed. Raises: UserError."""
    for name in names:
        if found := shutil.which(name):
            return found
    raise UserError(
        f"{names[0]} was not found, and pictures of slides need it: "
        "apt-get install libreoffice-impress poppler-utils."
    )


def pdfs(decks: Mapping[str, bytes], language: str) -> dict[str, bytes]:
    """PowerPoint files as PDF, by name, in one start of LibreOffice.

    Raises: UserError where LibreOffice is not installed, or makes none.
    """
    office = program("soffice", "libreoffice")
    with TemporaryDirectory() as name:
        folder = Path(name)
        user = folder / "profile" / "user"
        user.mkdir(parents=True)
        settings = SETTINGS.format(locale=LOCALES[language])
        (user / "registrymodifications.xcu").write_text(settings, encoding="utf-8")
        for key, content in decks.items():
            (folder / f"{key}.pptx").write_bytes(content)
        command = [office, f"-env:UserInstallation={user.parent.as_uri()}", "--headless",
                   "--convert-to", "pdf", "--outdir", name]  # fmt: skip
        files = [str(folder / f"{key}.pptx") for key in decks]
        try:
            done = subprocess.run([*command, *files], capture_output=True, timeout=SECONDS)
        except subprocess.TimeoutExpired as error:
            raise UserError(f"LibreOffice made no PDF within {SECONDS} seconds.") from error
        made = {key: folder / f"{key}.pdf" for key in decks}
        if done.returncode or not all(path.exists() for path in made.values()):
            said = done.stderr.decode(errors="replace").strip() or "it says nothing"
            raise UserError(f"LibreOffice made no PDF of the slides ({said}).")
        return {key: path.read_bytes() for key, path in made.items()}


def pictures(pdf: bytes) -> list[bytes]:
    """A WebP of each page. Raises: UserError without poppler's pdftoppm, or where it fails."""
    tool = program("pdftoppm")
    with TemporaryDirectory() as name:
        path = Path(name) / "slides.pdf"
        path.write_bytes(pdf)
        size = ["-scale-to-x", str(2 * WIDTH), "-scale-to-y", "-1"]
        command = [tool, *size, "-png", str(path), str(Path(name) / "page")]
        try:
            done = subprocess.run(command, capture_output=True, timeout=SECONDS)
        except subprocess.TimeoutExpired as error:
            raise UserError(f"pdftoppm made no pictures within {SECONDS} seconds.") from error
        pages = sorted(Path(name).glob("page-*.png"))
        if done.returncode or not pages:
            said = " ".join(done.stderr.decode(errors="replace").split()) or "it says nothing"
            raise UserError(f"pdftoppm made no pictures of the slides ({said}).")
        return [_small(page) for page in pages]


def _small(page: Path) -> bytes:
    """Half as wide, drawn from twice as many pixels: letters stay sharp."""
    with Image.open(page) as image:
        high = round(image.height * WIDTH / image.width)
        small = image.convert("RGB").resize((WIDTH, high), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=60, method=6)
    return buffer.getvalue()
