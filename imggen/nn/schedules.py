"""Learning rates as functions of the step."""

from __future__ import annotations

import math


def learning_rate(lr: float, step: int, steps: int | None) -> float:
    """`lr` for the first half of `steps`, then on a line to 0; `lr` always without `steps`."""
    return lr if steps is None else lr * min(1.0, 2 * max(0.0, 1 - step / steps))


def cosine(first: float, last: float, step: int, steps: int | None) -> float:
    """From `first` to `last` in `steps`, on half a cosine; `first` always without `steps`."""
    if steps is None:
        return first
    return last + (first - last) * (1 + math.cos(math.pi * min(1.0, step / steps))) / 2


def warm_cosine(lr: float, step: int, steps: int | None, warmup: int) -> float:
    """On a line up to `lr` in `warmup` steps, then down to 0 at `steps` on half a cosine.

    Without `steps` it stays at `lr`.
    """
    if step < warmup:
        return lr * (step + 1) / warmup
    return cosine(lr, 0.0, step - warmup, None if steps is None else max(1, steps - warmup))
