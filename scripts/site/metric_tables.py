"""Tables of metrics: one experiment's, and one row for each of many."""

from __future__ import annotations

from typing import Any

from imggen.evaluation.catalogue import ARROWS, METRICS, SEES, TITLES, Entries, Entry
from imggen.evaluation.report import number

SHOWN = ("frechet_distance", "kid", "precision", "recall", "density", "coverage")
"""Columns of the table of all experiments."""


def value_text(name: str, entry: Entry) -> str:
    """A metric's value and interval as text."""
    if entry["value"] is None:
        return "–"
    factor = TITLES[name].factor
    text = number(factor * entry["value"])
    if entry.get("interval"):
        low, high = (number(factor * bound) for bound in entry["interval"] or ())
        text += f' <span class="interval">[{low}, {high}]</span>'
    return text


def rows(metrics: Entries, shown: set[str]) -> list[str]:
    """Lines of a Markdown table of the metrics in `shown`, in the order of the catalogue."""
    lines = ["| metric | value and 95 % interval | floor | sees |", "|---|---|---|---|"]
    for name, metric in METRICS.items():
        entry = metrics.get(name)
        if name not in shown or entry is None or entry["value"] is None:
            continue
        title, real = TITLES[name], entry.get("floor")
        floor = "–" if real is None else number(title.factor * real)
        head = f"{title.text} {ARROWS[metric.better]}"
        lines.append(f"| {head} | {value_text(name, entry)} | {floor} | {SEES[metric.sees]} |")
    return lines


def results(experiments: list[tuple[str, dict[str, Any], str]]) -> str:
    """One row per experiment, from its title, metrics.json and badge.

    Rows of unlike reference, number of images, features or code are said not to compare.
    """
    titles = [f"{TITLES[name].text} {ARROWS[METRICS[name].better]}" for name in SHOWN]
    lines = ['<div class="compact" markdown>', ""]
    lines += [f"| experiment | {' | '.join(titles)} | state |", "|---" * (len(SHOWN) + 2) + "|"]
    protocols = set()
    for title, result, badge in experiments:
        real, protocol = result["real"], result["protocol"]
        against = f"{protocol['n']:,} against {real['name']}:{real['split']}"
        entries = result["metrics"]
        cells = " | ".join(value_text(name, entries[name]) for name in SHOWN)
        lines.append(f"| {title}<br><small>{against}</small> | {cells} | {badge} |")
        protocols.add((against, result["features"]["sha256"], str(sorted(protocol.items()))))
    lines += ["", "</div>"]
    if len(protocols) > 1:
        lines += [
            "",
            "!!! warning",
            "    These rows do not all compare with one another: their reference images, their",
            "    number, their features or the code of the metrics differ.",
        ]
    return "\n".join(lines) + "\n"
