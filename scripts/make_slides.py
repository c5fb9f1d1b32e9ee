"""Writes the slides of the defence in one language as a PowerPoint file.

    python scripts/make_slides.py --language fr --out deck.pptx

Charts, tables and numbers come from the published files. `python experiments/presentation.py`
makes all that the site offers: both languages, handouts and a picture of each slide.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro

from imggen.runs.places import checkout
from imggen.system.command import run_command
from imggen.system.files import write_bytes


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the script can be asked."""

    language: str
    """en or fr."""
    out: Path
    """The file to write: deck.pptx."""
    docs_dir: Path | None = None
    """Docs folder with the published experiments; default docs/."""


def main(options: Options) -> None:
    """Makes the slides and writes them."""
    from slides.made import pptx  # python-pptx takes a second to import

    content = pptx(options.language, options.docs_dir or (checkout() or Path()) / "docs")
    write_bytes(options.out, content)
    print(f"wrote {options.out} ({len(content) / 1e6:.1f} MB)")


if __name__ == "__main__":
    run_command(lambda: main(tyro.cli(Options, description=__doc__)))
