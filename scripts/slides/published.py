"""The published files as the slides read them, and a record of everything that was read."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import cast

from generators import Generator, published
from PIL import Image

from imggen.evaluation.catalogue import Entries, Entry
from imggen.system.errors import UserError
from imggen.system.files import Json, read_json, sha256_json
from slides.model import Png

GAP = 2
"""White pixels between two images of a published grid."""


class Published:
    """docs/assets/experiments below a docs folder."""

    def __init__(self, docs: Path) -> None:
        self.docs, self.bib = docs, docs / "references.bib"
        self.read: dict[str, Json] = {}
        """By experiment: what the slides show of it."""
        self._files: dict[tuple[str, str], Json] = {}

    def file(self, slug: str, name: str) -> Json:
        """A JSON file of an experiment. Raises: UserError where it is not published."""
        if (slug, name) not in self._files:
            path = self.docs / "assets" / "experiments" / slug / name
            if not path.exists():
                raise UserError(
                    f"The slides need {slug}/{name}, which is not published in "
                    f"{self.docs / 'assets'}: run the experiment of {slug} first."
                )
            self._files[slug, name] = read_json(path)
        return self._files[slug, name]

    def noted(self, slug: str, key: str, value: object) -> None:
        """Remembers what was read, for the hash of the slides' inputs."""
        self.read.setdefault(slug, {})[key] = value

    def entries(self, slug: str, name: str, found: Entries, metric: str) -> Entry:
        """One metric of several. Raises: UserError where there is none, or no value."""
        if metric not in found or found[metric]["value"] is None:
            raise UserError(f"The slides need {metric} of {name}, which {slug} does not have.")
        entry = found[metric]
        self.noted(slug, f"{name} {metric}", entry)
        return entry

    def entry(self, slug: str, metric: str) -> Entry:
        """One metric of a generator."""
        return self.entries(slug, slug, self.file(slug, "metrics.json")["metrics"], metric)

    def fact(self, slug: str, path: str) -> object:
        """One entry of a manifest, by a dotted path, or of another file (SLUG.metrics).

        Raises: UserError where there is none.
        """
        slug, _, file = slug.partition(".")
        found: object = self.file(slug, f"{file or 'manifest'}.json")
        for key in path.split("."):
            if not isinstance(found, dict) or key not in found:
                raise UserError(f"The slides need {path} of {slug}, which it lacks.")
            found = found[key]
        self.noted(slug, f"{file} {path}", found)
        return found

    def row(self, slug: str, name: str, rows: str, /, **wanted: object) -> Json:
        """One row of a study's file. Raises: UserError where there is none."""
        for row in cast(list[Json], self.file(slug, name)[rows]):
            if all(row.get(key) == value for key, value in wanted.items()):
                return row
        raise UserError(f"The slides need {wanted} of {slug}/{name}, which it does not have.")

    def picture(self, slug: str, name: str) -> Image.Image:
        """A published picture, opened. Raises: UserError where it is not published."""
        files = self.file(slug, "manifest.json")["files"]
        path = self.docs / "assets" / "experiments" / slug / name
        if name not in files or not path.exists():
            raise UserError(f"The slides need {slug}/{name}, which is not published.")
        self.noted(slug, name, files[name])
        return Image.open(path)

    @cached_property
    def _all(self) -> list[Generator]:
        return published(self.docs)

    @cached_property
    def generators(self) -> list[Generator]:
        """All generators of MNIST, the best Fréchet distance first; the provoked collapse apart.

        Raises: UserError where none is published.
        """
        found = [
            generator
            for generator in self._all
            if generator.dataset == "mnist"
            and generator.result["real"]["n"] == generator.result["protocol"]["n"]
            and "collapse" not in generator.slug
        ]
        if not found:
            raise UserError(f"No generator of MNIST is published in {self.docs}: train one first.")
        return sorted(found, key=lambda each: self.value(each.slug, "frechet_distance"))

    @cached_property
    def years(self) -> dict[str, str]:
        """By key: the year of each reference that has one, read once for both languages.

        Raises: UserError for a file that is not there or can't be parsed, and without pybtex.
        """
        try:
            from pybtex.database import parse_file
            from pybtex.exceptions import PybtexError
        except ModuleNotFoundError as error:
            raise UserError(
                "The slides need pybtex, which is not installed: pip install 'imggen[slides]'."
            ) from error
        if not self.bib.exists():
            raise UserError(f"The slides need the years in {self.bib}, which is not there.")
        try:
            entries = parse_file(str(self.bib)).entries
        except PybtexError as error:
            raise UserError(f"{self.bib}: {error}: see to commas and braces.") from error
        return {key: each.fields["year"] for key, each in entries.items() if "year" in each.fields}

    def value(self, slug: str, metric: str) -> float:
        """A metric's value alone."""
        value = self.entry(slug, metric)["value"]
        assert value is not None
        return value

    def datasets(self) -> list[str]:
        """Names of the datasets of which a generator is published."""
        found = sorted({generator.dataset for generator in self._all})
        self.noted("all", "datasets", found)
        return found

    def hashes(self) -> dict[str, str]:
        """By experiment: the SHA-256 of all that was read of it."""
        return {slug: sha256_json(read) for slug, read in sorted(self.read.items())}


def cells(
    picture: Image.Image, pitch: int, rows: Sequence[int], columns: Sequence[int], scale: int = 2
) -> Png:
    """PNG of some cells of a published grid, whose images are `pitch` pixels apart."""
    return lambda: _cells(picture, pitch, rows, columns, scale)


def _cells(
    picture: Image.Image, pitch: int, rows: Sequence[int], columns: Sequence[int], scale: int
) -> bytes:
    size = (pitch - GAP) * scale
    width, height = (len(axis) * (size + 2 * GAP) - 2 * GAP for axis in (columns, rows))
    cut = Image.new("L" if picture.mode in "LP" else "RGB", (width, height), "white")
    for down, row in enumerate(rows):
        for across, column in enumerate(columns):
            left, top = GAP + column * pitch, GAP + row * pitch
            cell = picture.crop((left, top, left + pitch - GAP, top + pitch - GAP))
            cell = cell.convert(cut.mode).resize((size, size), Image.Resampling.NEAREST)
            cut.paste(cell, (across * (size + 2 * GAP), down * (size + 2 * GAP)))
    return png(cut)


def whole(picture: Image.Image) -> Png:
    """PNG of a published picture, each pixel four times."""
    size = (picture.width * 2, picture.height * 2)
    return lambda: png(picture.convert("L").resize(size, Image.Resampling.NEAREST))


def png(picture: Image.Image) -> bytes:
    """PNG bytes of a picture."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def frame(picture: Image.Image, share: float) -> Image.Image:
    """The frame of a GIF at a share of its length."""
    picture.seek(round(share * (picture.n_frames - 1)))  # type: ignore[attr-defined]
    return picture.convert("L")
