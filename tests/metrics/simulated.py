"""How often the intervals of simulated estimates hold the truth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from imggen.metrics.certainty.estimate import Estimate


def holding(estimates: Sequence[Estimate], truth: float | None = None) -> float:
    """Share of the intervals that hold the truth: where it is not known, the mean of all values."""
    truth = float(np.mean([each.value for each in estimates])) if truth is None else truth
    held = [low <= truth <= high for low, high in (each.interval() for each in estimates)]
    return float(np.mean(held))
