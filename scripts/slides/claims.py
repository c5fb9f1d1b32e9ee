"""What the words of the slides claim of the numbers, so that no new number makes them untrue."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from itertools import combinations, pairwise
from typing import cast

from imggen.evaluation.catalogue import known
from imggen.system.errors import UserError
from slides.published import Published
from slides.words import BEST, Words, floor

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
    """Whether a metric grows from each of some generators to the next, strictly."""

    def holds(p: Published) -> bool:
        values = [p.value(slug, metric) for slug in slugs]
        return all(low < high for low, high in pairwise(values))

    return holds


def _step(p: Published, name: str, steps: int) -> float:
    row = p.row("few-steps-mnist", "ladder.json", "rungs", name=name, steps=steps)
    return float(row["metrics"]["frechet_distance"]["value"])


def _eight(p: Published) -> bool:
    """With eight passes the plain flow is ahead of each of the others."""
    rows = p.file("few-steps-mnist", "ladder.json")["rungs"]
    others = {row["name"] for row in rows} - {"flow matching"}
    plain = _step(p, "flow matching", 8)
    return bool(others) and all(plain < _step(p, name, 8) for name in others)


def _best(p: Published, family: str, count: int) -> list[str]:
    """The generators of MNIST of a family with the lowest Fréchet distances. Raises: UserError."""
    found = [g.slug for g in p.generators if g.family == family][:count]
    if not found:
        raise UserError(f"The slides need a generator of MNIST of the family {family}: train one.")
    return found


def _sides(p: Published) -> bool:
    """Each of the best GANs has more precision than the best diffusion and flow, and less recall.

    The best are those with the lowest Fréchet distances: the GANs of the chart of results.
    """
    others = [*_best(p, "flow", 1), *_best(p, "diffusion", 1)]
    return all(
        p.value(gan, "precision") > p.value(other, "precision")
        and p.value(gan, "recall") < p.value(other, "recall")
        for gan in _best(p, "GAN", BEST)
        for other in others
    )


def _overlap(p: Published) -> bool:
    """Each two of the three intervals have a value in common."""
    slugs = ("sngan-mnist", "cgan-mnist", "flow-matching-mnist")
    ends = [known(p.entry(slug, "frechet_distance"))[1:] for slug in slugs]
    return all(max(a[0], b[0]) <= min(a[1], b[1]) for a, b in combinations(ends, 2))


def _trade(slug: str, strongest_last: bool) -> Callable[[Published], bool]:
    """Whether the strongest setting has more precision than real digits, at a cost of recall."""

    def holds(p: Published) -> bool:
        found = p.file(slug, "trade.json")
        ends = [found["settings"][at]["metrics"] for at in (0, -1)]
        weak, strong = ends if strongest_last else ends[::-1]
        up, down = (strong[m]["value"] - weak[m]["value"] for m in ("precision", "recall"))
        above = strong["precision"]["value"] > found["floor"]["precision"]["value"]
        return bool(up > 0 > down and above)

    return holds


def _verdicts(p: Published, ladder: str) -> dict[str, list[str]]:
    """By metric: what the audit found on each rung of one kind of damage."""
    found = p.file("metric-audit", "audit.json")["ladders"][ladder]
    return cast(dict[str, list[str]], found["verdicts"])


def _copies(p: Published) -> bool:
    """Of the metrics in the table only near copies objects, and density calls copies better."""
    found = _verdicts(p, "copies")
    table = Words("en", p).texts["audit"]["labels"]
    objecting = [metric for metric in table if "worse" in found[metric]]
    return objecting == ["near_copies"] and "better" in found["density"]


def _unmoved(p: Published) -> bool:
    """Copies change nothing of the three that the sheet names."""
    found = _verdicts(p, "copies")
    return {v for m in ("frechet_distance", "precision", "recall") for v in found[m]} == {"same"}


def _junk(p: Published) -> bool:
    """Recall objects to junk on the last rung alone, where all is junk."""
    found, rungs = _verdicts(p, "junk")["recall"], p.file("metric-audit", "audit.json")["ladders"]
    *before, last = found
    return rungs["junk"]["rungs"][-2:] == [0.5, 1] and last == "worse" and "worse" not in before


def _seeds(p: Published) -> bool:
    """For each method three trainings differ by more than one of them claims."""
    rows = p.file("three-seeds-mnist", "sweep.json")["rows"]
    for group in {row["group"] for row in rows}:
        found = [known(r["metrics"]["frechet_distance"]) for r in rows if r["group"] == group]
        if len(found) < 2:
            return False
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
     lambda p: "better" in _verdicts(p, "blur")["density"]),
    ("audit", "of its metrics only near copies objects to copies, and density likes them", _copies),
    ("audit", "recall notices junk only where all is junk", _junk),
    ("handout", "copies leave Fréchet distance, precision and recall unmoved", _unmoved),
    ("results", "the intervals of SNGAN, conditional GAN and flow matching overlap", _overlap),
    ("space", "the best GANs lie to the right, the best diffusion model and flow higher", _sides),
    ("space", "SNGAN is the best GAN", lambda p: _best(p, "GAN", 1) == ["sngan-mnist"]),
    ("trade", "guidance ends above the precision of real digits, with less recall",
     _trade("guidance-mnist", strongest_last=True)),
    ("trade", "truncation ends above the precision of real digits, with less recall",
     _trade("truncation-mnist", strongest_last=False)),
    ("steps", "the straightened flow is ahead in one pass and behind in eight",
     lambda p: _step(p, "reflow", 1) < _step(p, "flow matching", 1)
     and _step(p, "reflow", 8) > _step(p, "flow matching", 8)),
    ("steps", "with eight passes the plain flow wins again", _eight),
    ("steps", "drifting is the best of the new ones, behind a GAN",
     _less("frechet_distance", "sngan-mnist", "drifting-mnist", "shortcut-mnist",
           "mean-flow-mnist")),
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
