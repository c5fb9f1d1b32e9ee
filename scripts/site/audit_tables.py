"""Tables of the audit: which metric notices which damage, and who passes which check."""

from __future__ import annotations

import html
from typing import Any

from imggen.evaluation.catalogue import METRICS, SEES, TITLES

HARMS = {
    "coherence": "harms coherence",
    "variety": "harms variety",
    "memorisation": "copies",
    "nothing": "harmless",
}


def responses(audit: dict[str, Any]) -> str:
    """Metrics down, ladders across: the first rung that a metric tells from undamaged images."""
    order = list(HARMS)
    ladders = sorted(audit["ladders"].values(), key=lambda ladder: order.index(ladder["harms"]))
    groups, titles = [], []
    for harm, text in HARMS.items():
        members = [ladder for ladder in ladders if ladder["harms"] == harm]
        groups.append(f'<th colspan="{len(members)}" scope="colgroup">{text}</th>')
        for ladder in members:
            title, unit = html.escape(ladder["title"]), html.escape(ladder["unit"])
            titles.append(f'<th scope="col">{title}<br><small>{unit}</small></th>')
    lines = [
        '<div class="audit" tabindex="0" role="region" aria-label="Which metric notices what">',
        '<table class="responses"><thead>',
        f"<tr><td></td>{''.join(groups)}</tr>",
        f"<tr><td></td>{''.join(titles)}</tr></thead>",
    ]
    for sees, heading in SEES.items():
        names = [name for name, metric in METRICS.items() if metric.sees == sees]
        names = [name for name in names if any(name in ladder["metrics"] for ladder in ladders)]
        head = f'<th colspan="{len(ladders) + 1}" scope="rowgroup">{heading.capitalize()}</th>'
        lines.append(f"<tbody><tr>{head}</tr>")
        for name in names:
            cells = "".join(_cell(ladder, name) for ladder in ladders)
            lines.append(f'<tr><th scope="row">{TITLES[name].text}</th>{cells}</tr>')
        lines.append("</tbody>")
    return "\n".join([*lines, "</table></div>"]) + "\n"


def _cell(ladder: dict[str, Any], name: str) -> str:
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


def checks(audit: dict[str, Any]) -> str:
    """Checks down, measures across: passed or failed, blank where a check says nothing of it."""
    names = list(dict.fromkeys(name for check in audit["checks"] for name in check["measures"]))
    lines = [
        '<div class="audit" tabindex="0" role="region" aria-label="Checks passed and failed">',
        '<table class="checks"><thead><tr><th scope="col">check</th>'
        + "".join(f'<th scope="col">{TITLES[name].text}</th>' for name in names)
        + "</tr></thead><tbody>",
    ]
    for check in audit["checks"]:
        title = f"{html.escape(check['title'])}<br><small>{html.escape(check['expected'])}</small>"
        cells = [_judged(check["measures"].get(name)) for name in names]
        lines.append(f'<tr><th scope="row">{title}</th>{"".join(cells)}</tr>')
    total = ""
    for name in names:
        judged = [c["measures"][name]["passes"] for c in audit["checks"] if name in c["measures"]]
        total += f"<td><strong>{sum(judged)} of {len(judged)}</strong></td>"
    lines.append(f'<tr><th scope="row">passed</th>{total}</tr></tbody></table></div>')
    return "\n".join(lines) + "\n"


def _judged(measure: dict[str, Any] | None) -> str:
    if measure is None:
        return "<td></td>"
    first, last = measure["values"][0], measure["values"][-1]
    kind, word = ("notices", "passes") if measure["passes"] else ("lies", "fails")
    return f'<td class="{kind}">{word}<br><small>{first:.2f} → {last:.2f}</small></td>'
