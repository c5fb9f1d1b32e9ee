"""Scores for people: the table of `imggen evaluate`, and its picture."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torchvision.transforms.v2 import functional as transforms

from imggen import charts, figures
from imggen.evaluate import SEED
from imggen.extraction import extract
from imggen.metrics import features
from imggen.metrics.features import Extractor
from imggen.metrics.memorisation import nearest
from imggen.sets import GivenFeatures, ImageSet, choose

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


def picture(
    result: dict[str, Any],
    fake: ImageSet | GivenFeatures,
    train: ImageSet | GivenFeatures | None,
    extractor: Extractor | None,
) -> bytes:
    """PNG: values with their intervals and floors, coherence against variety, nearest images."""
    grid = None
    if extractor and not isinstance(fake, GivenFeatures) and train is not None:
        assert not isinstance(train, GivenFeatures)
        grid = nearest_grid(fake, train, extractor)
    about = f"{result['fake']['name']} against {result['real']['name']}:{result['real']['split']}"
    about += f", {result['protocol']['n']} of each, features: {result['features']['name']}"
    rival = result.get("against")
    other = None if rival is None else (rival["name"], rival["metrics"])
    return charts.scorecard(result["metrics"], grid, about, other)


def nearest_grid(
    fake: ImageSet, train: ImageSet, extractor: Extractor, columns: int = 12, rows: int = 3
) -> Any:
    """Some generated images above their nearest training images: a grid (H, W, 3) of uint8.

    The first ones by content hash are shown: a choice that knows nothing of how they look.
    """
    chosen = fake.subset(choose(fake.hashes, len(fake), 0)[:columns])
    seen = extract(extractor, train, len(train), SEED, "training", cache=True)
    values, _ = features.extract(extractor, chosen.blocks(), len(chosen), int)
    names = nearest(values, seen.values, k=rows)[1]
    order = choose(train.hashes, len(train), SEED)
    found = [train.subset(order[torch.from_numpy(column)]) for column in names.T]
    made = [torch.cat(list(images.blocks())) for images in (chosen, *found)]
    channels, size = max(p.shape[1] for p in made), list(chosen.shape[1:])
    pixels = torch.cat(
        [transforms.resize(p.expand(-1, channels, -1, -1), size, antialias=True) for p in made]
    )
    return figures.image_grid(pixels, len(chosen), max(1, round(56 / pixels.shape[2])))
