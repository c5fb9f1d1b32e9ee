"""Scores for people: the table of `imggen evaluate`, and its picture."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

HEADINGS = {
    "both": "coherence and variety",
    "coherence": "coherence",
    "variety": "variety",
    "memorisation": "memorisation",
    "likelihood": "likelihood",
}


def number(value: float) -> str:
    """Four significant digits, in scientific notation only from ten million on."""
    if abs(value) >= 1e7:
        return f"{value:.3e}"
    if abs(value) >= 1000:
        return f"{value:.0f}"
    digits = 3 if value == 0 else max(0, min(6, 3 - math.floor(math.log10(abs(value)))))
    return f"{value:.{digits}f}"


def table(result: dict[str, Any], write: Callable[[str], None] = print) -> None:
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
    for sees, heading in HEADINGS.items():
        rows = {k: row for k, row in result["metrics"].items() if row.get("sees") == sees}
        if rows:
            write("")
            write(f"{heading:<20}" + "".join(_cell(column, column) for column in columns))
        for name, row in rows.items():
            write(_line(name, row, columns, result))
    write("")
    write("↓ lower is better, ↑ higher is better, → neither: near the floor is good")
    if "floor" in result:
        name = f"{result['floor']['name']}:{result['floor']['split']}"
        write(f"floor: {name} against the real set, what perfect new samples would score")
    if "comparison" in result:
        write("p, better: is the generated set (first) other than the one against it (second)?")
    for warning in result["warnings"]:
        write(f"warning: {warning}")


def _line(name: str, row: dict[str, Any], columns: list[str], result: dict[str, Any]) -> str:
    sign = {"lower": "↓", "higher": "↑", "floor": "→"}[row["better"]]
    head = f"{name + ' ' + sign:<20}"
    if row["value"] is None:
        return f"{head}{'-':>10}   {row['note']}"
    low, high = row["interval"]
    cells = {"value": number(row["value"]), "95 % interval": f"[{number(low)}, {number(high)}]"}
    cells["floor"] = number(row["floor"]) if row.get("floor") is not None else "-"
    rival = result.get("against", {}).get("metrics", {}).get(name)
    cells["against"] = number(rival["value"]) if rival and rival["value"] is not None else "-"
    found = result.get("comparison", {}).get(name)
    cells["p"] = "-"
    if found:
        cells["p"] = f"{found['p_value']:.3f}" if found["p_value"] >= 0.0005 else "< 0.001"
    cells["better"] = found["better"] if found else "-"
    return head + "".join(_cell(column, cells[column]) for column in columns)


def _cell(column: str, text: str) -> str:
    return f"   {text:<22}" if column == "95 % interval" else f"{text:>10}"
