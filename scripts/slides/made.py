"""Everything that comes of the slides: decks, sheets, and pictures of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from imggen.system.errors import UserError
from slides import render
from slides.handout import A4, sheet
from slides.model import Slide
from slides.published import Published
from slides.story import Story
from slides.words import LANGUAGES, Words

AUTHOR = "the imggen contributors"


def content(language: str, published: Published) -> tuple[list[Slide], Slide]:
    """The slides and the sheet for the jury in one language, not drawn yet.

    Raises: UserError for an unknown language and for what is not published.
    """
    words = Words(language, published)
    return Story(words).slides(), sheet(words)


def pptx(language: str, docs: Path) -> bytes:
    """The deck in one language.

    Raises: UserError for an unknown language, for what is not published, and without python-pptx.
    """
    return drawn(content(language, Published(docs))[0], language)


def drawn(slides: Sequence[Slide], language: str, size: tuple[float, float] | None = None) -> bytes:
    """A PowerPoint file. Raises: UserError without python-pptx."""
    try:
        from slides.deck import deck
    except ModuleNotFoundError as error:
        raise UserError(
            f"The slides need {error.name}, which is not installed: pip install 'imggen[slides]'."
        ) from error
    return deck(slides, AUTHOR, language, size) if size else deck(slides, AUTHOR, language)


def files(published: Published) -> dict[str, bytes]:
    """All files of the publication, by name. Raises: UserError."""
    made: dict[str, bytes] = {}
    for language in LANGUAGES:
        slides, page = content(language, published)
        decks = {"deck": drawn(slides, language), "sheet": drawn([page], language, A4)}
        shown = render.pdfs(decks, language)
        made[deck_name(language)] = decks["deck"]
        made[sheet_name(language)] = shown["sheet"]
        for number, picture in enumerate(render.pictures(shown["deck"]), start=1):
            made[picture_name(language, number)] = picture
    return made


def deck_name(language: str) -> str:
    """The file of a deck."""
    return f"defence-{language}.pptx"


def sheet_name(language: str) -> str:
    """The file of a sheet for the jury."""
    return f"handout-{language}.pdf"


def picture_name(language: str, number: int) -> str:
    """The file of the picture of a slide."""
    return f"slide-{language}-{number:02d}.webp"
