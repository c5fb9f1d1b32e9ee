"""Tables of what a density model finds likely."""

from __future__ import annotations

from typing import Literal, cast

from imggen.evaluation.report import with_interval
from imggen.studies.likes_others import DIGITS, Answer, Asked

Name = Literal["mean", "liked", "auroc"]
NAMES: dict[str, str] = {
    "mean": "−log p(x), mean",
    "liked": "more likely than the median digit",
    "auroc": "AUROC: is it a digit?",
}
"""What is told of each kind of images, by how people read it."""
NOTHING, MOST = "–", 100_000
"""Where there is no number; and the largest that says more than that it is large."""


def table(answer: Answer) -> str:
    """Markdown: a row for each kind of images, the likeliest first."""
    head = ["images", *NAMES.values()]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for title, row in sorted(answer["kinds"].items(), key=lambda item: item[1]["mean"]):
        shown = f"**{title}**" if title == DIGITS else title
        lines.append(f"| {shown} | {' | '.join(text(row, name) for name in NAMES)} |")
    n = max(row["n"] for row in answer["kinds"].values())
    about = (
        f"In {answer['unit']}; at most {n:,} images of each kind; {answer['note']}. An AUROC of "
        "0.5 is a coin, and below it the model takes others for digits."
    )
    return "\n".join([*lines, "", f"<small markdown>{about}</small>", ""])


def text(row: Asked, name: str) -> str:
    """One number of a kind, with its interval; shares in percent."""
    at = cast(Name, name)
    value = row[at]
    ends = row["interval"] if at == "mean" else row[f"{at}_interval"]  # type: ignore[literal-required]
    if value is None:
        return NOTHING
    if value > MOST:
        return f"over {MOST:,}"
    factor, unit = (100, " %") if at == "liked" else (1, "")
    shown, low, high = with_interval(factor * value, *(factor * end for end in ends))
    return f'{shown}{unit} <span class="interval">[{low}, {high}]</span>'
