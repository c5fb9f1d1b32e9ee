"""Learning rates as functions of the step."""

from __future__ import annotations


def learning_rate(lr: float, step: int, steps: int | None) -> float:
    """`lr` for the first half of `steps`, then on a line to 0; `lr` always without `steps`."""
    return lr if steps is None else lr * min(1.0, 2 * max(0.0, 1 - step / steps))
