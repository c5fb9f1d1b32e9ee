"""Formulas take about their room before they are set, so that no line moves."""

from __future__ import annotations

import html
import re

INLINE = re.compile(r'<span class="arithmatex">(\\\(.*?\\\))</span>', re.DOTALL)
SPACE = re.compile(
    r"\\(?:left|right|big|Big|mathrm|mathcal|mathbb|text|hat|bar|tilde)\b|\\[,;!]|[{}]"
)
DISPLAY = re.compile(r'<div class="arithmatex">(\\\[.*?\\\])</div>', re.DOTALL)
TALL = re.compile(r"\\(?:frac|int|sum|sup|underbrace)\b")
SET_OFF = re.compile(rf"([(\[“]?){INLINE.pattern}([.,;:!?)\]’'”]\w*)?", re.DOTALL)
"""With the bracket before it and the punctuation after it, which must not stand on other lines."""
SHORT = 12.0
"""A formula up to this wide, in em, may be kept on one line with what follows it."""
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
    """The page's HTML, whose formulas say how wide or high they will be."""
    page = DISPLAY.sub(
        lambda found: (
            f'<div class="arithmatex" style="--high: {height(found[1]):.1f}em">{found[1]}</div>'
        ),
        page,
    )
    return SET_OFF.sub(_reserved, page)


def height(formula: str) -> float:
    """About how high KaTeX sets a formula of its own lines, in em of the text."""
    lines = formula.split("\\\\")
    return 1.4 + 2.1 * len(lines) + 1.1 * sum(bool(TALL.search(line)) for line in lines)


def _reserved(found: re.Match[str]) -> str:
    before, formula, after = found[1], found[2], found[3] or ""
    wide = width(formula)
    text = f'{before}<span class="arithmatex" style="--wide: {wide:.2f}em">{formula}</span>{after}'
    return f'<span class="whole">{text}</span>' if before + after and wide < SHORT else text
