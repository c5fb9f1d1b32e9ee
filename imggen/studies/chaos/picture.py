"""The timeline: how far each training is, and below it when which fault struck."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from imggen.drawing.charts import COLOURS, INK, drawing, svg


def timeline(
    lines: Mapping[str, Sequence[tuple[float, float]]],
    struck: Mapping[str, Sequence[tuple[str, float]]],
    kinds: Sequence[str],
) -> bytes:
    """SVG of lines (seconds, step) and of what struck them (kind, seconds), both by their name.

    One colour a line; every kind of fault has a row of its own.
    """
    with drawing(5.6, 6.6) as (figure, buffer):
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(1.1, 1))
        for (name, points), colour in zip(lines.items(), COLOURS, strict=False):
            minutes, last = [at / 60 for at, _ in points], max(step for _, step in points)
            above.plot(minutes, [step / last for _, step in points], color=colour, label=name)
            for kind, at in struck[name]:
                row = kinds.index(kind)
                below.plot(at / 60, row, "|", color=colour, markersize=11, markeredgewidth=2)
        above.set_ylabel("share of the steps")
        above.legend(frameon=False, labelcolor=INK)
        below.set_yticks(range(len(kinds)), kinds)
        below.set_ylim(len(kinds) - 0.4, -0.6)
        below.set_xlabel("minutes")
        for axis in (above, below):
            axis.grid(axis="x", color=INK, alpha=0.2, linewidth=0.6)
        return svg(figure, buffer)
