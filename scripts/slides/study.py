"""The defence as a publication: made by one command, stale when what it shows has changed."""

from __future__ import annotations

import pkgutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import tyro

import slides
from imggen.publishing.study import Begun, StudyOptions, common_manifest, publish_study
from imggen.runs.places import checkout
from imggen.runs.provenance import source_hash
from imggen.system.command import run_command
from imggen.system.errors import UserError
from imggen.system.files import Json, json_bytes
from slides import made, render
from slides.published import Published
from slides.words import LANGUAGES, Words

FILE = "slides.json"
"""What stands on the slides, for the pages that show them."""


def docs_folder() -> Path:
    """docs/ of the checkout, where the published experiments lie."""
    return (checkout() or Path()) / "docs"


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
        published, texts = Published(docs_folder()), {}
        try:
            for language in LANGUAGES:
                made.content(language, published)
                texts[language] = Words(language, published).hash()
        except UserError as error:
            return {"method": {"impossible": str(error)}}
        code = source_hash(*(f"slides.{module.name}" for module in _modules()))
        return {"method": {"inputs": published.hashes(), "texts": texts, "code": code}}

    def main(self) -> None:
        """Reads the command line, makes all, publishes and exits: 0 done, 2 bad input."""
        default = StudyOptions()
        run_command(
            lambda: self.run(tyro.cli(StudyOptions, default=default, description=self.title))
        )

    def run(self, options: StudyOptions) -> None:
        """Makes and publishes; `--from-published` is what it always does.

        Raises: UserError for what is not published, and without LibreOffice.
        """
        begun, published, config = Begun(), Published(docs_folder()), self.config()
        files = made.files(published)
        files[FILE] = json_bytes({language: shown(language, published) for language in LANGUAGES})
        print(f"{len(files)} files, {sum(map(len, files.values())) / 1e6:.1f} MB")
        if not options.publish:
            return
        manifest = common_manifest(self, config, None, seed=0) | begun.facts()
        manifest["packages"] = _versions()
        publish_study(self, options, files, manifest)


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
