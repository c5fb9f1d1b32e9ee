"""What it costs to be safe, as a table and in words."""

from __future__ import annotations

from imggen.studies.checkpoints.measure import Measured
from imggen.studies.checkpoints.study import bars


def table(measured: Measured) -> str:
    """A row for each promise: what was found, and what it may be at most."""
    lines = ["| promised | found | at most |", "|---|--:|--:|"]
    for what, found, at_most in bars(measured["seconds"]):
        lines.append(f"| {what} | {found:.3f} | {at_most:.3g} |")
    return "\n".join(lines) + "\n"


def time_text(seconds: float) -> str:
    """To two digits, in milliseconds below half a second."""
    if seconds < 0.5:
        return f"{float(f'{1000 * seconds:.2g}'):g} ms"
    return f"{float(f'{seconds:.2g}'):g} s"
