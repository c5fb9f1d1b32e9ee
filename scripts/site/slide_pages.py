"""The slides of the defence on a page: a picture of each, and what is said to it."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import TypedDict

from macro import MacroError

FILE = "slides.json"
WORDS = {
    "en": ("Slide", "What is said", "Slides (PowerPoint)", "Handout, one page (PDF)"),
    "fr": ("Page", "Ce qui se dit\u00a0", "Présentation (PowerPoint)", "Feuille, une page (PDF)"),
}
"""By language: what the page says around the slides."""


class Shown(TypedDict):
    """One slide of slides.json."""

    picture: str
    title: str
    notes: str


class Deck(TypedDict):
    """One language of slides.json."""

    deck: str
    handout: str
    slides: list[Shown]


def page(deck: Deck, language: str, link: Callable[[str], str],
         size: Callable[[str], tuple[int, int]]) -> str:  # fmt: skip
    """Downloads, and a figure for each slide; `link` and `size` are those of a published file.

    Raises: MacroError for a language without words.
    """
    if language not in WORDS:
        raise MacroError(f"there are no slides in {language}")
    word, said, slides, sheet = WORDS[language]
    made = [
        f'<p class="downloads"><a href="{link(deck["deck"])}" download>{slides}</a> '
        f'<a href="{link(deck["handout"])}" download>{sheet}</a></p>',
        f'<ol class="slides" lang="{language}">',
    ]
    for number, slide in enumerate(deck["slides"], start=1):
        width, height = size(slide["picture"])
        title, lazy = html.escape(slide["title"]), "" if number == 1 else ' loading="lazy"'
        notes = "".join(f"<p>{html.escape(line)}</p>" for line in slide["notes"].split("\n"))
        made.append(
            f'<li id="slide-{number}"><a href="{link(slide["picture"])}">'
            f'<img src="{link(slide["picture"])}" width="{width}" '
            f'height="{height}" alt="{word} {number}: {title}"{lazy}></a>'
            f"<details><summary>{said}: {title}</summary>{notes}</details></li>"
        )
    return "\n".join([*made, "</ol>"])
