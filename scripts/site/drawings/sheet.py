"""What a drawing is: panels, a caption, and words in the language of the page."""

from __future__ import annotations

import html
from typing import NamedTuple

from languages import french_typeset

from drawings.canvas import Canvas


class Tongue(NamedTuple):
    """The language of a page: t("real", "vrai") says it in that language."""

    language: str

    def __call__(self, english: str, french: str) -> str:
        """In the page's language; French signs stay on the line of the word before them."""
        return french_typeset(french) if self.language == "fr" else english


class Panel(NamedTuple):
    """A canvas, and in words what is on it."""

    canvas: Canvas
    alternative: str


class Drawing(NamedTuple):
    """Panels side by side on a desktop, one below the other on a phone."""

    panels: list[Panel]
    caption: str
    r"""Plain text; formulas between \( and \)."""

    def figure(self) -> str:
        """The HTML, without a blank line, so that Markdown leaves it as it is."""
        css = "panels one" if len(self.panels) == 1 else "panels"
        drawn = "".join(panel.canvas.svg(panel.alternative) for panel in self.panels)
        caption = html.escape(self.caption, quote=False)
        caption = caption.replace(r"\(", r'<span class="arithmatex">\(')
        caption = caption.replace(r"\)", r"\)</span>")
        return (
            f'<figure class="drawing">\n<div class="{css}">{drawn}</div>\n'
            f"<figcaption>{caption}</figcaption>\n</figure>"
        )
