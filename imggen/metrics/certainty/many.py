"""p-values of many tests at once."""

from __future__ import annotations

from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values that count how many tests were made, each at least as large as before.

    If all that are below a level are believed, the chance of any false one is below that level,
    however the tests depend on each other (Holm 1979, Scandinavian Journal of Statistics 6).
    """
    corrected, most = [1.0] * len(p_values), 0.0
    for rank, at in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        most = max(most, min(1.0, (len(p_values) - rank) * p_values[at]))
        corrected[at] = most
    return corrected
