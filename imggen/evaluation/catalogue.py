"""The catalogue: every metric once, with its name, what it sees and which way is good.

What decides a result stands in `METRICS`, how people read it in `TITLES`, under the same keys: a
better word makes no published score stale.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NotRequired, TypedDict

from imggen.metrics.certainty.estimate import Estimate

Sees = Literal["both", "coherence", "variety", "memorisation", "likelihood"]
Better = Literal["lower", "higher", "floor"]

Found = dict[str, Estimate | str]
"""By metric: its estimate, or one sentence that says why there is none."""


class Entry(TypedDict):
    """One metric in metrics.json (DESIGN § 7)."""

    value: float | None
    interval: list[float] | None
    better: Better
    sees: Sees
    note: NotRequired[str]
    """Why there is no value, or what it was taken of."""
    floor: NotRequired[float | None]
    """The value of real images in place of generated ones."""
    floor_interval: NotRequired[list[float]]


Entries = dict[str, Entry]


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
    "agreement": Metric("coherence", "higher"),
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
Place = Literal["overview", "first", "folded"]
"""Where pages show a metric: in the table of all experiments as well, at once, or folded away."""


@dataclass(frozen=True)
class Title:
    """How people read a metric. No result depends on it, and no hash holds it."""

    text: str
    place: Place = "folded"
    factor: float = 1
    """What values are multiplied by before they are shown."""
    unit: str = ""
    """Of the values, where they have one."""


TITLES = {
    "frechet_distance": Title("Fréchet distance", "overview"),
    "frechet_infinity": Title("Fréchet distance, extrapolated"),
    "kid": Title("Kernel distance", "overview", factor=1000),
    "classifier_score": Title("Classifier score", "first"),
    "precision": Title("Precision", "overview"),
    "density": Title("Density", "overview"),
    "clipped_density": Title("Clipped density"),
    "prd_f1_8": Title("PRD F⅛"),
    "agreement": Title("Agreement with the asked label", "first"),
    "recall": Title("Recall", "overview"),
    "coverage": Title("Coverage", "overview"),
    "clipped_coverage": Title("Clipped coverage"),
    "prd_f8": Title("PRD F₈"),
    "vendi_score": Title("Vendi score"),
    "pairwise_diversity": Title("Pairwise diversity"),
    "class_divergence": Title("Divergence of classes", unit="nats"),
    "modes": Title("Modes found", "first"),
    "mode_divergence": Title("Divergence of modes", "first", unit="nats"),
    "gan_train": Title("Accuracy, trained on generated"),
    "gan_test": Title("Accuracy, tested on generated"),
    "authenticity": Title("Authenticity"),
    "data_copying": Title("Data-copying test C_T"),
    "near_copies": Title("Near copies"),
    "copied": Title("Copies of training images"),
    "repeated": Title("Images that occur twice"),
    "nll_nats": Title("−log p(x)", "first", unit="nats"),
    "elbo_nats": Title("−ELBO", "first", unit="nats"),
    "bits_per_dim": Title("Bits per dimension"),
}
SEES: dict[Sees, str] = {
    "both": "coherence and variety",
    "coherence": "coherence",
    "variety": "variety",
    "memorisation": "memorisation",
    "likelihood": "likelihood",
}
"""What a metric sees, in words."""
ARROWS: dict[Better, str] = {"lower": "↓", "higher": "↑", "floor": "→"}
LEGEND = "↓ lower is better, ↑ higher is better, → neither: near the floor is good"


def title(name: str) -> str:
    """A metric's name wherever people read it, with the factor and the unit of its values."""
    row = TITLES[name]
    text = row.text if row.factor == 1 else f"{row.text} × {row.factor:g}"
    return f"{text}, {row.unit}" if row.unit else text


def heading(name: str) -> str:
    """The title, and an arrow that says which way is good."""
    return f"{title(name)} {ARROWS[METRICS[name].better]}"


BINARY = Title("Bits per pixel, binarised")
LEVELS = Title("Bits per dimension, 8-bit grey levels", "first")
"""What `bits_per_dim` is called, by what it is of: two scales that never share a column."""


def titled(name: str, beside: Iterable[str]) -> Title:
    """The title of a metric among the others of its generator.

    Bits per dimension are the likelihood of binary pixels where nats of these stand beside them,
    and else all that a density of grey levels says.
    """
    if name != "bits_per_dim":
        return TITLES[name]
    return BINARY if "nll_nats" in beside else LEVELS


def heading_beside(name: str, beside: Iterable[str]) -> str:
    """The heading of a metric among the others of its generator."""
    if name != "bits_per_dim":
        return heading(name)
    return f"{titled(name, beside).text} {ARROWS[METRICS[name].better]}"


def known(row: Entry) -> tuple[float, float, float]:
    """Value and both ends of the interval of a metric that has a value.

    Raises: ValueError when it has none.
    """
    value, interval = row["value"], row["interval"]
    if value is None or interval is None:
        raise ValueError(f"there is no value ({row.get('note')})")
    return value, interval[0], interval[1]


def entries(found: Found, floor: Found | None = None) -> Entries:
    """The estimates as metrics.json lays them out, in the catalogue's order."""
    return {
        name: entry(name, found[name], (floor or {}).get(name)) for name in METRICS if name in found
    }


def entry(name: str, estimate: Estimate | str, floor: Estimate | str | None) -> Entry:
    """One metric as metrics.json lays it out."""
    metric = METRICS[name]
    row: Entry = {"value": None, "interval": None, "better": metric.better, "sees": metric.sees}
    if isinstance(estimate, Estimate):
        row |= {"value": estimate.value, "interval": list(estimate.interval())}
    else:
        row["note"] = estimate
    if isinstance(floor, Estimate):
        row |= {"floor": floor.value, "floor_interval": list(floor.interval())}
    return row


def mean_entry(name: str, value: float, interval: tuple[float, float], note: str) -> Entry:
    """A mean over images, as metrics.json lays it out."""
    row = entry(name, note, floor=None)
    return row | {"value": value, "interval": list(interval), "floor": None}
