"""What the words of the slides claim of the numbers, so that no new number makes them untrue."""

from __future__ import annotations

import statistics
from collections.abc import Callable

from imggen.evaluation.catalogue import known
from imggen.system.errors import UserError
from slides.published import Published
from slides.words import floor

Claim = tuple[str, str, Callable[[Published], bool]]


def check(published: Published) -> None:
    """Raises UserError for the first claim that the published files do not bear out."""
    for slide, claim, holds in CLAIMS:
        if not holds(published):
            raise UserError(
                f"The slide {slide!r} says that {claim}, which the published files no longer bear "
                "out: change its words in scripts/slides/text and the claim in claims.py."
            )


def _less(metric: str, *slugs: str) -> Callable[[Published], bool]:
    """Whether a metric grows from each of some generators to the next."""

    def holds(p: Published) -> bool:
        values = [p.value(slug, metric) for slug in slugs]
        return values == sorted(values)

    return holds


def _step(p: Published, name: str, steps: int) -> float:
    row = p.row("few-steps-mnist", "ladder.json", "rungs", name=name, steps=steps)
    return float(row["metrics"]["frechet_distance"]["value"])


def _sides(p: Published) -> bool:
    """GANs have the highest precision, diffusion and flows the highest recall."""
    best = {
        (metric, gan): max(
            p.value(g.slug, metric)
            for g in p.generators
            if g.family in (("GAN",) if gan else ("flow", "diffusion"))
        )
        for metric in ("precision", "recall")
        for gan in (True, False)
    }
    return (
        best["precision", True] > best["precision", False]
        and best["recall", True] < best["recall", False]
    )


def _trade(p: Published) -> bool:
    """Guidance raises precision above the floor, and lowers recall."""
    found = p.file("guidance-mnist", "trade.json")
    first, last = (found["settings"][at]["metrics"] for at in (0, -1))
    up, down = (last[m]["value"] - first[m]["value"] for m in ("precision", "recall"))
    return up > 0 > down and last["precision"]["value"] > found["floor"]["precision"]["value"]


def _seeds(p: Published) -> bool:
    """For each method three trainings differ by more than one of them claims."""
    rows = p.file("three-seeds-mnist", "sweep.json")["rows"]
    for group in {row["group"] for row in rows}:
        found = [known(r["metrics"]["frechet_distance"]) for r in rows if r["group"] == group]
        claimed = statistics.mean((high - low) / 2 / 1.96 for _, low, high in found)
        if statistics.stdev(value for value, _, _ in found) <= claimed:
            return False
    return True


def _few(p: Published) -> bool:
    """DiffAugment is better with 100 images only."""
    values = {
        (row["group"], row["series"]): row["metrics"]["frechet_distance"]["value"]
        for row in p.file("few-images-mnist", "sweep.json")["rows"]
    }
    better = {group: values[group, "changed"] < values[group, "as they are"] for group, _ in values}
    return [group for group, is_better in better.items() if is_better] == ["100 images"]


CLAIMS: tuple[Claim, ...] = (
    ("gan", "labels lower the Fréchet distance",
     _less("frechet_distance", "cgan-mnist", "dcgan-mnist")),
    ("vae", "its coverage is below DCGAN's", _less("coverage", "vae-mnist", "dcgan-mnist")),
    ("audit", "density rises under a slight blur",
     lambda p: "better" in p.file("metric-audit", "audit.json")["ladders"]["blur"]["verdicts"]
     ["density"]),
    ("space", "GANs lie to the right, diffusion and flows higher", _sides),
    ("trade", "guidance ends above the precision of real digits, with less recall", _trade),
    ("steps", "the straightened flow is ahead in one pass and behind in eight",
     lambda p: _step(p, "reflow", 1) < _step(p, "flow matching", 1)
     and _step(p, "reflow", 8) > _step(p, "flow matching", 8)),
    ("steps", "drifting is the best of the new ones, behind a GAN",
     lambda p: _less("frechet_distance", "sngan-mnist", "drifting-mnist", "shortcut-mnist",
                     "mean-flow-mnist")(p)),
    ("seeds", "trainings differ by more than one interval says", _seeds),
    ("collapse", "recall and coverage fall to nothing",
     lambda p: max(p.value("gan-collapse-mnist", m) for m in ("recall", "coverage")) < 0.01),
    ("failed", "R3GAN's loss does better on DCGAN's networks",
     _less("frechet_distance", "r3gan-strided-mnist", "r3gan-mnist")),
    ("failed", "EDM is behind flow matching",
     _less("frechet_distance", "flow-matching-mnist", "edm-mnist")),
    ("failed", "DiffAugment helps with 100 images only", _few),
    ("uses", "real digits teach a classifier a little more than generated ones",
     lambda p: p.value("sngan-mnist", "gan_train")
     < known(floor(p.entry("sngan-mnist", "gan_train")))[0]),
)  # fmt: skip
"""By slide: what it says, and whether that holds."""
