"""The look of the site, for slides: its colours, read from its stylesheets, and one font."""

from __future__ import annotations

import functools
import re
from pathlib import Path

FONT = "Arial"
"""PowerPoint and Keynote have it; LibreOffice has Liberation Sans, whose letters are exactly as
wide, so no line breaks elsewhere. The site's own fonts would have to be installed to be seen."""
WIDE, HIGH = 13.333, 7.5
"""A slide, in inches: 16:9 as PowerPoint makes it."""
MARGIN = 0.7
TOP, BOTTOM = 1.95, 6.75
"""Between these lies what a slide shows: above is its title, below are its sources."""
STYLES = Path(__file__).parents[2] / "docs" / "stylesheets"


@functools.cache
def properties() -> dict[str, str]:
    """The custom properties of the site's light scheme: name -> rrggbb."""
    text = "".join((STYLES / name).read_text("utf-8") for name in ("site.css", "results.css"))
    blocks = re.findall(r'\[data-md-color-scheme="default"\] \{(.*?)\}', text, re.DOTALL)
    return dict(re.findall(r"--([\w-]+): #([0-9a-f]{6});", "".join(blocks)))


def colour(name: str) -> str:
    """A colour of the site's light scheme by its name there: ink, quiet, link, family-1."""
    return "ffffff" if name == "white" else properties()[name]


def mixed(name: str, share: float) -> str:
    """So much of a colour on the site's paper."""
    pairs = zip(bytes.fromhex(colour(name)), bytes.fromhex(colour("paper")), strict=True)
    return bytes(round(share * a + (1 - share) * b) for a, b in pairs).hex()
