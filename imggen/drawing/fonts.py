"""What a name is written with: folders are called anything, in any script."""

from __future__ import annotations

import functools
from collections.abc import Iterable

OURS = "DejaVu Sans"
"""The font that comes with matplotlib: Latin, Greek, Cyrillic, Arabic, Hebrew and many signs."""
OTHERS = ("DejaVu", "STIX", "cm", "Last Resort")
"""Begin the names of what also comes with matplotlib: more of the same, mathematics, and boxes."""


def families(text: str) -> list[str]:
    """Matplotlib's font, and of those installed here the ones that have what it lacks."""
    found = [OURS]
    while missing := _missing(text, found):
        best = max(_installed(), key=lambda name: len(missing & _characters(name)), default=OURS)
        if not missing & _characters(best):
            break
        found.append(best)
    return found


def legible(text: str) -> str:
    """The text with an escape (\\u5317) for what no font here has, where a box would stand."""
    missing = _missing(text, families(text))
    return "".join(c.encode("unicode_escape").decode() if ord(c) in missing else c for c in text)


def _missing(text: str, names: Iterable[str]) -> set[int]:
    """Characters of the text that none of the fonts has."""
    return set(map(ord, text)).difference(*map(_characters, names))


@functools.cache
def _installed() -> tuple[str, ...]:
    from matplotlib.font_manager import fontManager

    return tuple(sorted({f.name for f in fontManager.ttflist if not f.name.startswith(OTHERS)}))


@functools.cache
def _characters(name: str) -> frozenset[int]:
    """What a font has; nothing where it holds pictures instead of outlines, or is broken."""
    from matplotlib.font_manager import findfont, get_font

    try:
        font = get_font(findfont(name, fallback_to_default=False))
        return frozenset(font.get_charmap() if font.scalable else ())
    except (OSError, RuntimeError, ValueError):
        return frozenset()
