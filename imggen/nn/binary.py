"""Pixels that are 0 or 1: what a likelihood of them may be asked about."""

from __future__ import annotations

from torch import Tensor


def refuse_grey(x: Tensor) -> None:
    """Raises ValueError for pixels other than 0 and 1: of those such a likelihood knows nothing."""
    if not ((x == 0) | (x == 1)).all():
        raise ValueError("its pixels are black or white, 0 or 1, and these have levels between")
