"""The files that come of the slides: decks now, pictures of them elsewhere."""

from __future__ import annotations

from pathlib import Path

from imggen.system.errors import UserError
from slides.published import Published
from slides.story import slides
from slides.words import known_language

AUTHOR = "the imggen contributors"


def pptx(language: str, docs: Path) -> bytes:
    """The deck in one language.

    Raises: UserError for an unknown language, for what is not published, and without python-pptx.
    """
    found = slides(known_language(language), Published(docs))
    try:
        from slides.deck import deck
    except ModuleNotFoundError as error:
        raise UserError(
            f"The slides need {error.name}, which is not installed: pip install 'imggen[slides]'."
        ) from error
    return deck(found, AUTHOR, language)
