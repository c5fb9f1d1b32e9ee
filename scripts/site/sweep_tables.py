"""Tables of several trainings side by side, and of how far trainings of one kind differ."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from metric_tables import value_text

from imggen.evaluation.catalogue import LEGEND, heading, known
from imggen.evaluation.latents import Found, Measured, titles
from imggen.evaluation.report import number, with_interval
from imggen.evaluation.side_by_side import Swept
from imggen.studies.ladder import Climbed


def head(first: Sequence[str], shown: Sequence[str]) -> list[str]:
    """The head of a table: these columns, then one for each metric."""
    titles = [*first, *map(heading, shown)]
    return [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]


def trainings(swept: Swept, shown: Sequence[str]) -> str:
    """Markdown: a row for each training, and one of real training images."""
    lines = head(("training",), shown)
    for row in swept["rows"]:
        cells = " | ".join(value_text(name, row["metrics"][name]) for name in shown)
        lines.append(f"| {row['group']}, {row['series']} | {cells} |")
    floor = swept["floor"]
    cells = " | ".join(value_text(n, floor[n]) if n in floor else "–" for n in shown)
    return "\n".join([*lines, f"| real training images | {cells} |", "", note(swept), ""])


def latents(found: Found) -> str:
    """Markdown: a row for each auto-encoder, what its latents hold and what is lost."""
    names = titles()
    cells = ["training", *names.values()]
    lines = [f"| {' | '.join(cells)} |", "|---" * len(cells) + "|"]
    for row in found["rows"]:
        values = (measured_text(row["measured"][name]) for name in names)
        lines.append(f"| {row['group']}, {row['series']} | {' | '.join(values)} |")
    about = (
        f"Grey levels of {found['images']:,} test images; likelihoods of {found['likelihoods']:,}: "
        f"{found['note']}. A unit is active when its mean varies by more than 0.01 over images."
    )
    return "\n".join([*lines, "", f"<small markdown>{about}</small>", ""])


def measured_text(row: Measured) -> str:
    """A number and its interval; a count that no resample moves stands alone."""
    low, high = row["interval"]
    if float(row["value"]).is_integer() and float(low).is_integer():
        shown = f"{row['value']:g}"
        return (
            shown if low == high else f'{shown} <span class="interval">[{low:g}, {high:g}]</span>'
        )
    text, *ends = with_interval(row["value"], low, high)
    return f'{text} <span class="interval">[{ends[0]}, {ends[1]}]</span>'


def spread(swept: Swept, shown: Sequence[str]) -> str:
    """Markdown: by group, the mean and standard deviation of its trainings.

    Raises: ValueError for a group of one training.
    """
    lines = head(("method",), shown)
    groups = list(dict.fromkeys(row["group"] for row in swept["rows"]))
    for group in groups:
        rows = [row for row in swept["rows"] if row["group"] == group]
        cells = (_between([known(row["metrics"][name]) for row in rows]) for name in shown)
        lines.append(f"| {group} | {' | '.join(cells)} |")
    each = len(swept["rows"]) // len(groups)
    of = f"Mean ± standard deviation of {each} trainings; in brackets half the interval of one. "
    return "\n".join([*lines, "", note(swept, of), ""])


def _between(found: Sequence[tuple[float, float, float]]) -> str:
    """Mean ± standard deviation of trainings, and half the width of one training's interval."""
    values = [value for value, _, _ in found]
    own = sum(high - low for _, low, high in found) / len(found) / 2
    between = statistics.stdev(values)
    mean, spread = (number(value, between or own) for value in (statistics.mean(values), between))
    return f'{mean} ± {spread} <span class="interval">(± {number(own, own)})</span>'


def climb(found: Climbed, shown: Sequence[str]) -> str:
    """Markdown: a row for each sampler and number of steps, and one of real training images."""
    lines = head(("sampler", "steps", "passes"), shown)
    for rung in found["rungs"]:
        cells = " | ".join(value_text(name, rung["metrics"][name]) for name in shown)
        lines.append(f"| {rung['name']} | {rung['steps']} | {rung['passes']:g} | {cells} |")
    cells = " | ".join(value_text(name, found["floor"][name]) for name in shown)
    about = f"{found['protocol']['n']:,} samples against as many test images. {LEGEND}."
    return "\n".join(
        [*lines, f"| real training images | – | – | {cells} |", "", f"<small>{about}</small>", ""]
    )


def note(swept: Swept, first: str = "") -> str:
    """What the numbers were taken of."""
    n, name = swept["protocol"]["n"], swept["features"]["name"]
    about = f"{n:,} samples against as many test images; features: {name}. {LEGEND}."
    return f"<small markdown>{first}{about}</small>"
