"""The defence as a publication: made by one command, stale when what it shows has changed."""

from __future__ import annotations

import pkgutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import tyro

import slides
from imggen.publishing.study import (
    Begun,
    StudyOptions,
    common_manifest,
    publish_study,
    published_folder,
)
from imggen.runs.places import checkout
from imggen.runs.provenance import source_hash
from imggen.runs.settings import as_json
from imggen.system.command import run_command
from imggen.system.errors import UserError
from imggen.system.files import Json, json_bytes, sha256_json
from slides import look, made, render
from slides.model import Drawing, Item, Picture, Slide
from slides.published import Published
from slides.words import LANGUAGES, Words

FILE = "slides.json"
"""What stands on the slides, for the pages that show them."""
BESIDE = ("families", "generators", "cards")
"""Modules of the site that the slides use."""
UNREADABLE = (LookupError, ValueError, TypeError, AttributeError, ArithmeticError, AssertionError,
              StopIteration, OSError)  # fmt: skip
"""What texts or published files of another form than the slides know end in."""


def docs_folder() -> Path:
    """docs/ of the checkout, where the published experiments lie."""
    return (checkout() or Path(__file__).parents[2]) / "docs"


@dataclass(frozen=True)
class Presentation:
    """The slides and the sheet in both languages, as an experiment that trains nothing."""

    slug: str
    title: str

    method_path = f"{made.__name__}:files"
    loop = None

    def config(self) -> Json:
        """What the slides are made of: another number, word or line of code makes them stale.

        Where they can't be made today, it says why in place of their inputs.
        """
        try:
            return {"method": inputs_of(Published(docs_folder()))}
        except UserError as error:
            return {"method": {"impossible": str(error)}}
        except UNREADABLE as error:
            said = f"the slides can't be made ({type(error).__name__}: {error})"
            return {"method": {"impossible": said}}

    def main(self) -> None:
        """Reads the command line, makes all, publishes and exits: 0 done, 2 bad input."""
        default = StudyOptions()
        run_command(
            lambda: self.run(tyro.cli(StudyOptions, default=default, description=self.title))
        )

    def run(self, options: StudyOptions) -> None:
        """Makes and publishes; `--from-published` is what it always does.

        Raises: UserError for what is not published, without LibreOffice, and for options that
        contradict each other.
        """
        begun, published, config = Begun(), Published(docs_folder()), self.config()
        if options.from_published:
            published_folder(self, options, config)
        files = made.files(published)
        files[FILE] = json_bytes({language: shown(language, published) for language in LANGUAGES})
        print(f"{len(files)} files, {sum(map(len, files.values())) / 1e6:.1f} MB")
        if not options.publish:
            return
        manifest = common_manifest(self, config, None, seed=0) | begun.facts()
        manifest["packages"] = _versions()
        publish_study(self, options, files, manifest)


def inputs_of(published: Published) -> Json:
    """Hashes of all that decides what the slides look like, by what a reader would look for.

    The content of each slide as it will be drawn, so that no input is forgotten; what was read of
    each experiment, with the hashes of its pictures; colours, and code that draws.
    Raises: UserError where they can't be made.
    """
    texts, content = {}, {}
    for language in LANGUAGES:
        slides, sheet = made.content(language, published)
        content[language] = {slide.key: sha256_json(drawn(slide)) for slide in (*slides, sheet)}
        texts[language] = Words(language, published).hash()
    code = source_hash(*(f"slides.{module.name}" for module in _modules()), *BESIDE)
    return {
        "inputs": published.hashes(),
        "texts": texts,
        "slides": content,
        "colours": sha256_json(look.properties()),
        "code": code,
    }


def drawn(slide: Slide) -> Json:
    """A slide as JSON, without the functions that make its pictures."""
    items = [[list(box), type(item).__name__, _plain(item)] for box, item in slide.items]
    texts = [slide.key, slide.title, slide.lead, slide.notes, slide.sources]
    return {"texts": texts, "items": items}


def _plain(item: Item) -> Json:
    """What an item says and shows; of pictures Published knows the files, the code the parts."""
    found = dict(vars(item))
    if isinstance(item, Picture):
        del found["png"]
    if isinstance(item, Drawing):
        found["pictures"] = sorted(item.pictures)
    return {name: as_json(_keyed(value)) for name, value in found.items()}


def _keyed(value: object) -> object:
    """A table's fills by the text of their place: JSON has no other keys."""
    if isinstance(value, dict):
        return {str(key): each for key, each in value.items()}
    return value


def shown(language: str, published: Published) -> Json:
    """The files of one language, and of each slide its picture, its title and its notes."""
    found, _ = made.content(language, published)
    return {
        "deck": made.deck_name(language),
        "handout": made.sheet_name(language),
        "slides": [
            {"picture": made.picture_name(language, number), "title": s.title, "notes": s.notes}
            for number, s in enumerate(found, start=1)
        ],
    }


def _modules() -> list[pkgutil.ModuleInfo]:
    return list(pkgutil.iter_modules(slides.__path__))


def _versions() -> dict[str, str]:
    """Versions of what draws the slides."""
    import pptx

    office = render.program("soffice", "libreoffice")
    said = subprocess.run([office, "--version"], capture_output=True, text=True, check=False).stdout
    return {"python-pptx": pptx.__version__, "LibreOffice": [*said.split(), "", ""][1]}
