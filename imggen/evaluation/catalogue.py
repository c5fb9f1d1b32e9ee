"""The catalogue: every metric once, with its name, what it sees and which way is good."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from imggen.metrics.certainty.estimate import Estimate

Sees = Literal["both", "coherence", "variety", "memorisation", "likelihood"]


Better = Literal["lower", "higher", "floor"]


@dataclass(frozen=True)
class Metric:
    """What a reader must know about a metric before its value."""

    sees: Sees
    better: Better
    """`floor`: neither low nor high is good, near the value of real images is."""


METRICS = {
    "frechet_distance": Metric("both", "lower"),
    "frechet_infinity": Metric("both", "lower"),
    "kid": Metric("both", "lower"),
    "classifier_score": Metric("both", "floor"),
    "precision": Metric("coherence", "higher"),
    "density": Metric("coherence", "higher"),
    "clipped_density": Metric("coherence", "higher"),
    "prd_f1_8": Metric("coherence", "higher"),
    "recall": Metric("variety", "higher"),
    "coverage": Metric("variety", "higher"),
    "clipped_coverage": Metric("variety", "higher"),
    "prd_f8": Metric("variety", "higher"),
    "vendi_score": Metric("variety", "floor"),
    "pairwise_diversity": Metric("variety", "floor"),
    "class_divergence": Metric("variety", "lower"),
    "modes": Metric("variety", "higher"),
    "mode_divergence": Metric("variety", "lower"),
    "gan_train": Metric("both", "higher"),
    "gan_test": Metric("coherence", "higher"),
    "authenticity": Metric("memorisation", "floor"),
    "data_copying": Metric("memorisation", "floor"),
    "near_copies": Metric("memorisation", "floor"),
    "copied": Metric("memorisation", "lower"),
    "repeated": Metric("memorisation", "lower"),
    "nll_nats": Metric("likelihood", "lower"),
    "elbo_nats": Metric("likelihood", "lower"),
    "bits_per_dim": Metric("likelihood", "lower"),
}


CORE = ("frechet_distance", "kid", "precision", "recall", "density", "coverage", "classifier_score")
"""What every table of results shows; the rest stands in metrics.json and `imggen evaluate`."""


Found = dict[str, Estimate | str]
"""By metric: its estimate, or one sentence that says why there is none."""


def entries(found: Found, floor: Found | None = None) -> dict[str, dict[str, Any]]:
    """The estimates as metrics.json lays them out, in the catalogue's order (DESIGN § 7)."""
    rows: dict[str, dict[str, Any]] = {}
    for name, metric in METRICS.items():
        if name not in found:
            continue
        estimate = found[name]
        row: dict[str, Any] = {"value": None, "interval": None}
        if isinstance(estimate, Estimate):
            row = {"value": estimate.value, "interval": list(estimate.interval())}
        else:
            row["note"] = estimate
        row |= {"better": metric.better, "sees": metric.sees}
        real = (floor or {}).get(name)
        if isinstance(real, Estimate):
            row |= {"floor": real.value, "floor_interval": list(real.interval())}
        rows[name] = row
    return rows
