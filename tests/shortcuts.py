"""What tests leave out of slow things that they are not about."""

from __future__ import annotations

import pytest


def bootstraps(patch: pytest.MonkeyPatch, replicates: int) -> None:
    """So many replicates for each bootstrap interval."""
    from imggen.metrics.certainty import estimate  # here: who hands out tests needs no torch

    patch.setattr(estimate.interval, "__kwdefaults__", {"replicates": replicates, "seed": 0})


def lessons(patch: pytest.MonkeyPatch, steps: int) -> None:
    """So many steps for each classifier that is taught to score images."""
    from imggen.metrics import accuracy

    fit = accuracy._fit
    patch.setattr(accuracy, "_fit", lambda *given: fit(*given[:-1], steps=steps))


def unscored(patch: pytest.MonkeyPatch) -> None:
    """Publications without their scores."""
    patch.setattr("imggen.evaluation.method.score", lambda *given, **more: {"metrics": {}})


def undrawn(patch: pytest.MonkeyPatch) -> None:
    """Publications without their figures."""
    patch.setattr("imggen.experiment.drawn", lambda shown: {})
