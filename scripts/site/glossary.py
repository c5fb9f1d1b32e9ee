"""The French glossary: glossary.toml as a page, in the order of the French words."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from languages import french_typeset as typeset

SOURCE = Path(__file__).with_name("glossary.toml")


class Term(NamedTuple):
    """One entry."""

    french: str
    english: str
    sentence: str
    target: str
    """A page below docs/, perhaps with an anchor."""
    where: str
    """What that page is called in French."""


def terms() -> list[Term]:
    """All entries, sorted as a French dictionary sorts them."""
    data = tomllib.loads(SOURCE.read_text(encoding="utf-8"))
    found = [
        Term(typeset(french), english, typeset(sentence), *map(typeset, data["pages"][page]))
        for french, (english, sentence, page) in data["terms"].items()
    ]
    return sorted(found, key=lambda term: plain(term.french))


def plain(text: str) -> str:
    """A text without accents, in small letters."""
    decomposed = unicodedata.normalize("NFD", text.lower())
    return "".join(c for c in decomposed if unicodedata.category(c) != "Mn")


def anchor(french: str) -> str:
    """The anchor of a term: distance-de-frechet."""
    return re.sub(r"[^a-z0-9]+", "-", plain(french)).strip("-")


def markdown(link: Callable[[str], str]) -> str:
    """The page: a heading for each letter, a line for each term; `link` leads to a file of docs/.

    A term's anchor is its name without accents.
    """
    lines: list[str] = []
    for letter, group in groupby(terms(), key=lambda term: plain(term.french)[0].upper()):
        lines += [f"## {letter}", ""]
        for term in group:
            path, _, at = term.target.partition("#")
            address = link(path) + (f"#{at}" if at else "")
            lines.append(
                f'- <a id="{anchor(term.french)}"></a>**{term.french}** '
                f'(<i lang="en">{term.english}</i>). {term.sentence} '
                f"→\u00a0[{term.where}]({address})"
            )
        lines.append("")
    return "\n".join(lines)
