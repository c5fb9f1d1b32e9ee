"""Tables of metrics: one experiment's, and one row for each of many."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, TypedDict

from imggen.evaluation.catalogue import (
    LEGEND,
    METRICS,
    SEES,
    TITLES,
    Entries,
    Entry,
    heading,
    heading_beside,
    titled,
)
from imggen.evaluation.report import floor_text, number, p_value, with_interval

if TYPE_CHECKING:
    from imggen.evaluation.evaluate import Result


class Valued(TypedDict):
    """What an entry of metrics.json and a rung of audit.json have in common."""

    value: float | None
    interval: list[float] | None


def value_text(name: str, row: Valued | Entry) -> str:
    """A metric's value and interval as text."""
    if row["value"] is None:
        return "–"
    factor = TITLES[name].factor
    if not row["interval"]:
        return number(factor * row["value"])
    text, low, high = with_interval(factor * row["value"], *(factor * b for b in row["interval"]))
    return f'{text} <span class="interval">[{low}, {high}]</span>'


def rows(metrics: Entries, folded: bool) -> list[str]:
    """Lines of a Markdown table of an experiment's metrics in the order of the catalogue.

    Those that a page shows at once, or those that it folds away; none where there are none.
    """
    lines = [
        _row(name, metrics)
        for name in METRICS
        if name in metrics and (titled(name, metrics).place == "folded") == folded
    ]
    head = ["| metric | value and 95 % interval | floor | sees |", "|---|---|---|---|"]
    return head + lines if lines else []


def _row(name: str, metrics: Entries) -> str:
    entry = metrics[name]
    value = value_text(name, entry)
    if entry["value"] is None:
        why = html.escape(entry.get("note", "")).replace("|", "&#124;")
        value = f"– <small>{why}</small>"
    floor = floor_text(name, entry).replace("-", "–" if entry.get("floor") is None else "−")
    return f"| {heading_beside(name, metrics)} | {value} | {floor} | {SEES[METRICS[name].sees]} |"


def versus(result: Result, first: str, second: str) -> str:
    """Two named generators of a comparison, and which is better where p is below 0.05."""
    against, found = result["against"], result["comparison"]
    lines = [f"| metric | {first} | {second} | p | better |", "|---|---|---|---|---|"]
    for name in (name for name in METRICS if name in found):
        words = {"first": first, "second": second, "differs": "they differ"}
        better = words.get(found[name]["better"], "undecided")
        values = " | ".join(value_text(name, rows[name]) for rows in
                            (result["metrics"], against["metrics"]))  # fmt: skip
        p = p_value(found[name]["p_value"]).replace(" ", "&nbsp;")
        lines.append(f"| {heading(name)} | {values} | {p} | {better} |")
    return "\n".join([*lines, "", f"<small markdown>{LEGEND}.</small>", ""])
