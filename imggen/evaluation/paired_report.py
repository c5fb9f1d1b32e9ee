"""Generators side by side for people: the table of `imggen compare`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from imggen.evaluation.catalogue import LEGEND, TITLES, Entry, heading, known
from imggen.evaluation.comparison import CONFIDENT
from imggen.evaluation.paired import SHOWN, Difference, Paired
from imggen.evaluation.report import p_value, with_interval

GAP = 3
"""Blanks between two columns."""


def table(result: Paired, write: Callable[[str], None] = print) -> None:
    """Prints scores and costs side by side, then which differences are larger than chance."""
    real, n, generators = result["real"], result["protocol"]["n"], result["generators"]
    write(f"{n:,} samples of each against as many images of {real['name']}:{real['split']}; "
          f"features: {result['features']['name']}; values with 95 % intervals")  # fmt: skip
    write("")
    lines = [["", *(row["name"] for row in generators), "real images"]]
    for name in SHOWN:
        cells = [score(name, row["metrics"].get(name)) for row in generators]
        lines.append([heading(name), *cells, score(name, result["floor"].get(name))])
    lines += [
        ["parameters", *(f"{row['parameters']:,}" for row in generators), ""],
        ["operations of the training", *(f"{r['training_flops']:.2g}" for r in generators), ""],
        ["operations of one image", *(f"{r['flops_per_image']:.2g}" for r in generators), ""],
        ["network passes of one image", *(f"{r['network_passes']:g}" for r in generators), ""],
    ]
    aligned(lines, write)
    write("")
    pairs = len(generators) * (len(generators) - 1) // 2
    after = f", after Holm for {pairs} pairs" if pairs > 1 else ""
    write(f"larger than chance (p < {CONFIDENT:g}{after}; paired in the same test images)")
    aligned([told(row) for row in result["differences"] if row["better"]], write)
    write("")
    write("not larger than chance")
    aligned([told(row) for row in result["differences"] if not row["better"]], write)
    write("")
    write(f"{LEGEND}; real images: as many training images, what perfect samples would score")


def score(name: str, entry: Entry | None) -> str:
    """A value with its interval."""
    if entry is None or entry["value"] is None:
        return "-"
    value, low, high = with_interval(*(TITLES[name].factor * end for end in known(entry)))
    return f"{value} [{low}, {high}]"


def told(row: Difference) -> list[str]:
    """Cells of a line about two generators: the better one and by how much, if one is better."""
    first, second, scale = row["first"], row["second"], TITLES[row["metric"]].factor
    who = f"{first} minus {second}"
    if row["better"]:
        who = f"{row['better']} better than {second if row['better'] == first else first} by"
        scale *= 1 if row["difference"] > 0 else -1
    ends = sorted(scale * end for end in row["interval"])
    value, low, high = with_interval(scale * row["difference"], ends[0], ends[1])
    sure = p_value(row["corrected"])
    p = f"p {sure}" if sure.startswith("<") else f"p = {sure}"
    return [f"  {heading(row['metric'])}", who, f"{value} [{low}, {high}]", p]


def aligned(lines: Sequence[Sequence[str]], write: Callable[[str], None]) -> None:
    """Writes rows of cells in columns, or that there is none."""
    if not lines:
        write("  none")
        return
    widths = [max(len(line[at]) for line in lines) + GAP for at in range(len(lines[0]))]
    for line in lines:
        cells = (f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True))
        write("".join(cells).rstrip())
