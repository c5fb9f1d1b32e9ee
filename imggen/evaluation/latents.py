"""What the latents of an auto-encoder hold: how many are used, and what is lost on the way through.

A latent whose posterior mean is the same for every image says nothing about it: the unit is not
active (Burda et al. 2016, arXiv:1509.00519, section 5.2: Var_x(E_q[u]) > 0.01). Auto-encoders whose
code is dear give up one unit after the other, at last all: the posterior collapses to the prior.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict

import numpy as np
import torch
from torch import Tensor

from imggen.data.datasets import DataConfig
from imggen.data.images import Images, choose, normalise
from imggen.drawing.charts import Dots, dots
from imggen.drawing.distributions import ranked
from imggen.evaluation.catalogue import heading
from imggen.evaluation.side_by_side import SEED, SideBySide
from imggen.methods import Encodes, HasLikelihood, Method, Reconstructs
from imggen.metrics.arrays import Array
from imggen.metrics.certainty.estimate import mean_of
from imggen.runs.restore import load
from imggen.system.errors import UserError
from imggen.system.seeds import derive_seed

ACTIVE = 0.01
"""Variance over images of a posterior mean, above which the unit is active."""
REPLICATES, BLOCK = 1000, 100
"""Resamples of the images for the interval of a count, and how many at a time."""
MOST, BATCH = 2_000, 1000
"""Images whose likelihood is estimated, which is dear; images encoded at a time. Those whose units
and reconstructions are looked at keep their grey levels, those of a likelihood are made binary."""
FILE = "latents.json"
FIGURES = {
    "units": (
        "units.svg",
        "The units of each training, the most active first: variance of the posterior mean over "
        "test images. Below the line a unit says nothing about the image.",
    ),
    "encoded": (
        "latents.svg",
        "Each dot is a training, with its 95 % interval over test images.",
    ),
}


class Measured(TypedDict):
    """A number and its 95 % interval."""

    value: float
    interval: list[float]


class Units(TypedDict):
    """One training in latents.json."""

    slug: str
    group: str
    series: str
    variances: list[float]
    """Of the posterior mean of each unit over the test images, the largest first."""
    measured: dict[str, Measured]


class Found(TypedDict):
    """What latents.json holds."""

    rows: list[Units]
    images: int
    likelihoods: int
    """How many of the images have an estimated likelihood."""
    note: str


def titles() -> dict[str, str]:
    """What is measured, by how people read it."""
    return {
        "active_units": "Active units",
        "reconstruction": "Squared error of a reconstructed pixel ↓",
        **{name: heading(name) for name in ("nll_nats", "elbo_nats")},
    }


def active_units(means: Array) -> Measured:
    """How many columns of posterior means (n, d) vary, with a bootstrap interval over images."""
    n, rng = len(means), np.random.default_rng(SEED)
    means = means - means.mean(axis=0)  # squares of large means would lose digits
    counts = []
    for _ in range(0, REPLICATES, BLOCK):
        weights = rng.multinomial(n, np.full(n, 1 / n), size=BLOCK) / n
        variances = weights @ means**2 - (weights @ means) ** 2
        counts.append((variances > ACTIVE).sum(axis=1))
    low, high = np.percentile(np.concatenate(counts), [2.5, 97.5], method="nearest")
    value = int((means.var(axis=0) > ACTIVE).sum())
    return {"value": value, "interval": [min(float(low), value), max(float(high), value)]}


def mean(values: Tensor) -> Measured:
    """The mean of values (n,), one for each image, with its interval."""
    found = mean_of(values.double().numpy(), of="real")
    return {"value": found.value, "interval": list(found.interval())}


@torch.inference_mode()
def measure(method: Method, test: Images) -> tuple[list[float], dict[str, Measured]]:
    """Variances of the units over test images, and what is measured of the method.

    Raises: UserError for a method that does not encode, reconstruct and know a likelihood.
    """
    if not (
        isinstance(method, Encodes)
        and isinstance(method, Reconstructs)
        and isinstance(method, HasLikelihood)
    ):
        raise UserError(
            f"{type(method).__name__} is no auto-encoder with a likelihood: its latents can't be "
            "measured."
        )
    blocks = [normalise(block) for block in test.blocks(BATCH)]
    means = torch.cat([method.encode(x) for x in blocks]).double().numpy()
    errors = [((method.reconstruct(x) - x) / 2).square().flatten(1).mean(dim=1) for x in blocks]
    chosen = test.subset(choose(test.hashes, MOST, SEED))
    generator = torch.Generator().manual_seed(derive_seed("likelihood", SEED))
    nats = method.likelihood(normalise(chosen.pixels), generator)
    measured = {
        "active_units": active_units(means),
        "reconstruction": mean(torch.cat(errors)),
        **{name: mean(nats[name]) for name in ("nll_nats", "elbo_nats")},
    }
    return sorted(means.var(axis=0).tolist(), reverse=True), measured


class WithLatents(SideBySide):
    """Auto-encoders on the same data: what all trainings are measured by, and their latents."""

    def __init__(self, data: DataConfig) -> None:
        """Raises: UserError for data that can't be read."""
        super().__init__(data)
        self.units: list[Units] = []
        self.note = ""

    def add(self, group: str, series: str, run: Path, images: Images) -> None:
        """Measures the run's samples, and then its latents.

        Raises: UserError as `SideBySide` does, and for what is no auto-encoder.
        """
        super().add(group, series, run, images)
        trained, _ = load(run)
        variances, measured = measure(trained.method, self.test)
        self.units.append(
            {
                "slug": run.name,
                "group": group,
                "series": series,
                "variances": variances,
                "measured": measured,
            }
        )
        self.note = getattr(trained.method, "likelihood_note", "")

    def found(self) -> Found:
        """All rows, as latents.json holds them."""
        likelihoods = min(MOST, len(self.test))
        return {"rows": self.units, "images": len(self.test), "likelihoods": likelihoods,
                "note": self.note}  # fmt: skip


def charts(found: Found) -> dict[str, bytes]:
    """The charts, drawn from the numbers alone."""
    rows = found["rows"]
    panels = {}
    for name, title in titles().items():
        ends = {
            (row["group"], row["series"]): (
                row["measured"][name]["value"],
                row["measured"][name]["interval"][0],
                row["measured"][name]["interval"][1],
            )
            for row in rows
        }
        panels[title] = Dots(ends)
    lines = {row["group"]: np.array(row["variances"]) for row in rows}
    return {
        FIGURES["units"][0]: ranked(lines, ACTIVE, "unit", "variance of its mean"),
        FIGURES["encoded"][0]: dots(panels),
    }
