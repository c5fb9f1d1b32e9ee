"""Two generators against the same real images: is one better?"""

from __future__ import annotations

from typing import Literal, TypedDict

from imggen.evaluation.catalogue import Found, entries
from imggen.metrics.certainty.estimate import Estimate, compare

CONFIDENT = 0.05
"""Two generators differ when the p-value of their comparison is below."""


class Comparison(TypedDict):
    """The difference of two generators in one metric."""

    difference: float
    interval: list[float]
    p_value: float
    better: Literal["first", "second", "differs", "undecided"]


def comparisons(first: Found, second: Found, floor: Found | None) -> dict[str, Comparison]:
    """By metric: the difference of two generators, its interval and p-value, and which is better.

    A metric that one of them lacks is left out.
    """
    rows: dict[str, Comparison] = {}
    for name, row in entries(first).items():
        a, b = first[name], second.get(name)
        if not isinstance(a, Estimate) or not isinstance(b, Estimate):
            continue
        found, real = compare(a, b), (floor or {}).get(name)
        gain = found.difference if row["better"] == "higher" else -found.difference
        better: Literal["first", "second", "differs", "undecided"]
        better = "first" if gain > 0 else "second"
        if row["better"] == "floor":
            better = "differs"
            if isinstance(real, Estimate):
                above = a.value - real.value, b.value - real.value
                # On the same side of the real value, the nearer one is better.
                if above[0] * above[1] > 0:
                    better = "first" if abs(above[0]) < abs(above[1]) else "second"
        better = "undecided" if found.p_value >= CONFIDENT else better
        rows[name] = {
            "difference": found.difference,
            "interval": list(found.interval),
            "p_value": found.p_value,
            "better": better,
        }
    return rows
