"""What it costs to be safe, as a table."""

from __future__ import annotations

from imggen.studies.checkpoints.measure import Measured
from imggen.studies.checkpoints.study import bars


def table(measured: Measured) -> str:
    """A row for each promise: what was found, and what it may be at most."""
    lines = ["| promised | found | at most |", "|---|--:|--:|"]
    for bar in bars(measured["seconds"]):
        found, at_most = (bar.text(value).replace(" ", "\u00a0") for value in bar[1:3])
        lines.append(f"| {bar.what} | {found} | {at_most} |")
    return "\n".join(lines) + "\n"
