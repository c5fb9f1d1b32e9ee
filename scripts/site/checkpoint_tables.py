"""What it costs to be safe, as a table."""

from __future__ import annotations

from typing import cast

from imggen.studies.checkpoints.measure import Measured
from imggen.studies.checkpoints.study import bars, seconds_text


def table(measured: Measured) -> str:
    """A row for each promise: what was found, and what it may be at most."""
    lines = ["| promised | found | at most |", "|---|--:|--:|"]
    for bar in bars(measured["seconds"]):
        cells = (bar.text(value).replace(" ", "\u00a0") for value in (bar.found, bar.at_most))
        lines.append(f"| {bar.what} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def told(measured: Measured) -> dict[str, str]:
    """Each number in words, by its name."""
    times = cast("dict[str, float]", measured["seconds"])
    return {
        "parameters": f"{measured['parameters'] / 1e6:.0f} million",
        "bytes": f"{measured['bytes'] / 1e9:.1f} GB",
        **{name: seconds_text(value) for name, value in times.items()},
    }
