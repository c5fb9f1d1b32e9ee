"""Formulas in a line of text take about their width before they are set, so that no line moves."""

from __future__ import annotations

import html
import re

INLINE = re.compile(r'<span class="arithmatex">(\\\(.*?\\\))</span>', re.DOTALL)
SPACE = re.compile(
    r"\\(?:left|right|big|Big|mathrm|mathcal|mathbb|text|hat|bar|tilde)\b|\\[,;!]|[{}]"
)
COMMAND = re.compile(r"\\[a-zA-Z]+|\\.")
INDEX = re.compile(r"[_^](?:\{([^{}]*)\}|(\\[a-zA-Z]+|.))")


def width(formula: str) -> float:
    """About how wide KaTeX sets an inline formula, in em of the text."""
    formula = html.unescape(formula).removeprefix(r"\(").removesuffix(r"\)")
    small = sum(_glyphs(group or single) for group, single in INDEX.findall(formula))
    rest = INDEX.sub("", formula)
    wide = len(re.findall(r"[=<>+]|\\(?:mid|odot|times|to|in|sim|ge|le|ne|cdot|approx)\b", rest))
    return 0.6 * _glyphs(rest) + 0.42 * small + 0.65 * wide


def _glyphs(source: str) -> int:
    return len(COMMAND.sub("x", SPACE.sub("", source)).replace(" ", ""))


def reserved(page: str) -> str:
    """The page's HTML, whose inline formulas say how wide they will be."""
    return INLINE.sub(
        lambda found: (
            f'<span class="arithmatex" style="--wide: {width(found[1]):.2f}em">{found[1]}</span>'
        ),
        page,
    )
