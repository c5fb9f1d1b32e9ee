"""Scores for people: the table of `imggen evaluate`."""

from __future__ import annotations

import math
from collections.abc import Callable

from imggen.evaluation.catalogue import LEGEND, SEES, TITLES, Entry, heading, known
from imggen.evaluation.evaluate import Result

WIDTH = 34
"""Of the column that names the metrics."""


def number(value: float, half_width: float = 0.0) -> str:
    """A value as people read it: with the digits that its uncertainty leaves, else with three.

    Of an interval's half width two digits count if it begins with 1 or 2, else one.
    """
    if value == 0 and half_width > 0:
        return "0"
    if abs(value) >= 1e7:
        return f"{value:.3e}"
    if half_width > 0:
        place = math.floor(math.log10(half_width))
        digits = -place + (half_width / 10**place < 3)
    else:
        digits = 2 - math.floor(math.log10(abs(value))) if value else 3
    return f"{value:.{max(0, min(6, digits))}f}"


def with_interval(value: float, low: float, high: float) -> tuple[str, str, str]:
    """A value and the ends of its interval, with the digits that the interval leaves."""
    half_width = (high - low) / 2
    return number(value, half_width), number(low, half_width), number(high, half_width)


def table(result: Result, write: Callable[[str], None] = print) -> None:
    """Prints a result, by what the metrics see."""
    real, fake, protocol = result["real"], result["fake"], result["protocol"]
    details = result["features"].get("preparation")
    write(f"real       {real['name']}:{real['split']}")
    write(f"generated  {fake['name']}:{fake['split']}")
    if "against" in result:
        write(f"against    {result['against']['name']}:{result['against']['split']}")
    write(f"features   {result['features']['name']}" + (f"  ({details})" if details else ""))
    write(f"n          {protocol['n']} of each")
    columns = ["value", "95 % interval"]
    columns += ["floor"] * ("floor" in result) + ["against", "p", "better"] * ("against" in result)
    for sees, words in SEES.items():
        rows = {k: row for k, row in result["metrics"].items() if row.get("sees") == sees}
        if rows:
            write("")
            write(f"{words:<{WIDTH}}" + "".join(_cell(column, column) for column in columns))
        for name, row in rows.items():
            write(_line(name, row, columns, result))
    write("")
    write(LEGEND)
    if "floor" in result:
        name = f"{result['floor']['name']}:{result['floor']['split']}"
        write(f"floor: {name} against the real set, what perfect new samples would score")
    if "comparison" in result:
        write("p, better: is the generated set (first) other than the one against it (second)?")
    for warning in result["warnings"]:
        write(f"warning: {warning}")


def _line(name: str, row: Entry, columns: list[str], result: Result) -> str:
    head, factor = f"{heading(name):<{WIDTH}}", TITLES[name].factor
    if row["value"] is None:
        return f"{head}{'-':>10}   {row.get('note')}"
    value, low, high = with_interval(*(factor * end for end in known(row)))
    found = result["comparison"].get(name) if "comparison" in result else None
    rival = result["against"]["metrics"].get(name) if "against" in result else None
    cells = {
        "value": value,
        "95 % interval": f"[{low}, {high}]",
        "floor": floor_text(name, row),
        "against": _scaled(rival and rival["value"], factor),
        "p": p_value(found["p_value"]) if found else "-",
        "better": found["better"] if found else "-",
    }
    return head + "".join(_cell(column, cells[column]) for column in columns)


def floor_text(name: str, row: Entry) -> str:
    """A floor, with the digits that its own interval leaves."""
    floor, factor = row.get("floor"), TITLES[name].factor
    if floor is None:
        return "-"
    low, high = row.get("floor_interval", [floor, floor])
    return number(factor * floor, factor * (high - low) / 2)


def _scaled(value: float | None, factor: float) -> str:
    return "-" if value is None else number(factor * value)


def p_value(p: float) -> str:
    """With three decimals."""
    return f"{p:.3f}" if p >= 0.0005 else "< 0.001"


def _cell(column: str, text: str) -> str:
    return f"   {text:<22}" if column == "95 % interval" else f"{text:>10}"
