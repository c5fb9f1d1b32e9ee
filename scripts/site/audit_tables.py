"""Tables of the audit: which metric notices which damage, and who passes which check."""

from __future__ import annotations

import html
from typing import Literal, TypedDict

from metric_tables import Valued

from imggen.evaluation.catalogue import METRICS, SEES, TITLES, title

Harm = Literal["coherence", "variety", "memorisation", "nothing"]
Verdict = Literal["same", "worse", "better", "none"]


class Ladder(TypedDict):
    """A ladder of damage in audit.json."""

    title: str
    harms: Harm
    unit: str
    rungs: list[float]
    metrics: dict[str, list[Valued]]
    verdicts: dict[str, list[Verdict]]


class Measure(TypedDict):
    """What a check found of one metric."""

    values: list[float]
    passes: bool


class Check(TypedDict):
    """A check on known points in audit.json."""

    title: str
    expected: str
    measures: dict[str, Measure]


class Audit(TypedDict):
    """What audit.json holds."""

    ladders: dict[str, Ladder]
    checks: list[Check]


HARMS: dict[Harm, str] = {
    "coherence": "harms coherence",
    "variety": "harms variety",
    "memorisation": "copies",
    "nothing": "harmless",
}
"""What the ladders do, in the order of the table."""


def names(audit: Audit) -> set[str]:
    """Every metric of which the audit says something."""
    climbed = {name for ladder in audit["ladders"].values() for name in ladder["metrics"]}
    return climbed | {name for check in audit["checks"] for name in check["measures"]}


def responses(audit: Audit) -> str:
    """Metrics down, ladders across: the first rung that a metric tells from undamaged images."""
    order = list(HARMS)
    ladders = sorted(audit["ladders"].values(), key=lambda ladder: order.index(ladder["harms"]))
    lines = [
        '<div class="audit" tabindex="0" role="region" aria-label="Which metric notices what">',
        f'<table class="responses"><thead>{_heads(ladders)}</thead>',
    ]
    for sees, words in SEES.items():
        named = [name for name, metric in METRICS.items() if metric.sees == sees]
        named = [name for name in named if any(name in ladder["metrics"] for ladder in ladders)]
        if not named:
            continue
        head = f'<th colspan="{len(ladders) + 1}" scope="rowgroup">{words.capitalize()}</th>'
        lines.append(f"<tbody><tr>{head}</tr>")
        for name in named:
            cells = "".join(_cell(ladder, name) for ladder in ladders)
            lines.append(f'<tr><th scope="row">{title(name)}</th>{cells}</tr>')
        lines.append("</tbody>")
    return "\n".join([*lines, "</table></div>"]) + "\n"


def _heads(ladders: list[Ladder]) -> str:
    """Two rows: what the ladders do, and each ladder with its unit."""
    groups, titles = "", ""
    for harm, text in HARMS.items():
        members = [ladder for ladder in ladders if ladder["harms"] == harm]
        groups += f'<th colspan="{len(members)}" scope="colgroup">{text}</th>'
        for ladder in members:
            name, unit = html.escape(ladder["title"]), html.escape(ladder["unit"])
            titles += f'<th scope="col">{name}<br><small>{unit}</small></th>'
    return f"<tr><td></td>{groups}</tr>\n<tr><td></td>{titles}</tr>"


def _cell(ladder: Ladder, name: str) -> str:
    verdicts = list(ladder["verdicts"].get(name, ["none"]))
    while len(verdicts) > 1 and verdicts[-1] == "none":
        verdicts.pop()  # the last rungs may be more than a metric can take
    if len(verdicts) == 1:
        return "<td></td>"
    if ladder["harms"] == "nothing":
        kind = "same" if verdicts[-1] == "same" else "moves"
        return f'<td class="{kind}">{"–" if kind == "same" else "moves"}</td>'
    praised = [rung for rung, v in zip(ladder["rungs"], verdicts) if v == "better"]
    if verdicts[-1] == "same":
        if praised:
            return f'<td class="lies">“better” {praised[0]:g}</td>'
        return '<td class="same">–</td>'
    first = len(verdicts) - 1
    while first > 1 and verdicts[first - 1] == verdicts[-1]:
        first -= 1
    if verdicts[-1] == "better":
        return f'<td class="lies">“better” {ladder["rungs"][first]:g}</td>'
    note = f"<br><small>“better” {praised[0]:g}</small>" if praised else ""
    return f'<td class="notices">{ladder["rungs"][first]:g}{note}</td>'


def checks(audit: Audit) -> str:
    """Checks down, measures across: passed or failed, blank where a check says nothing of it."""
    judged = list(dict.fromkeys(name for check in audit["checks"] for name in check["measures"]))
    lines = [
        '<div class="audit" tabindex="0" role="region" aria-label="Checks passed and failed">',
        '<table class="checks"><thead><tr><th scope="col">check</th>'
        + "".join(f'<th scope="col">{title(name)}</th>' for name in judged)
        + "</tr></thead><tbody>",
    ]
    for check in audit["checks"]:
        about = f"{html.escape(check['title'])}<br><small>{html.escape(check['expected'])}</small>"
        cells = [_judged(name, check["measures"].get(name)) for name in judged]
        lines.append(f'<tr><th scope="row">{about}</th>{"".join(cells)}</tr>')
    total = ""
    for name in judged:
        passed = [c["measures"][name]["passes"] for c in audit["checks"] if name in c["measures"]]
        total += f"<td><strong>{sum(passed)} of {len(passed)}</strong></td>"
    lines.append(f'<tr><th scope="row">passed</th>{total}</tr></tbody></table></div>')
    return "\n".join(lines) + "\n"


def _judged(name: str, measure: Measure | None) -> str:
    if measure is None:
        return "<td></td>"
    first, last = (TITLES[name].factor * measure["values"][at] for at in (0, -1))
    kind, word = ("notices", "passes") if measure["passes"] else ("lies", "fails")
    return f'<td class="{kind}">{word}<br><small>{first:.2f} → {last:.2f}</small></td>'
