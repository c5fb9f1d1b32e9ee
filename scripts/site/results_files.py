"""Files of the table of results: the same numbers as CSV and JSON, and a few samples of each."""

from __future__ import annotations

import csv
import functools
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from generators import Generator, Post, posts
from PIL import Image

from imggen.drawing.grids import PADDING, scale_for
from imggen.evaluation.catalogue import LEGEND, METRICS
from imggen.system.files import Json

CSV, JSON, THUMBS = "results/generators.csv", "results/generators.json", "results/samples"
PLAIN = ("slug", "title", "method", "command", "config_hash", "source_hash", "seed", "steps",
         "parameters")  # fmt: skip
"""What a record has of a manifest as it is."""
COLUMNS, ROWS, LARGEST, GAP = 4, 2, 28, 1
"""Images across and down in the cut, at most so many pixels wide, and pixels between two."""
GREY = 128
LEVELS = "bits_per_dim_8bit"
"""The columns of bits per dimension of grey levels: those of binary pixels are another scale."""
ABOUT = (
    "Published generators, each measured against the test images of its dataset: compare rows of "
    f"one reference only. 95 % intervals; {LEGEND}; floor: as many real training images."
)


def record(generator: Generator, post: Post | None) -> Json:
    """All that the published files say about a generator and the table shows."""
    manifest, result = generator.manifest, generator.result
    return {
        **{key: manifest[key] for key in PLAIN},
        "family": generator.family,
        "post": post and f"{post.address}/",
        "dataset": {k: manifest["dataset"][k] for k in ("name", "split", "images", "sha256")},
        "training": {
            "batch_size": manifest["config"]["train"]["batch_size"],
            "images_seen": generator.images_seen,
            "flops": manifest["training_flops"],
            "wall_seconds": manifest["wall_seconds"],
            "device": manifest["device"],
        },
        "sampling": manifest["sampling"],
        "reference": result["real"],
        "features": {k: result["features"].get(k) for k in ("name", "sha256")},
        "protocol": {k: result["protocol"].get(k) for k in ("n", "seed", "code")},
        "metrics": result["metrics"],
    }


def as_json(records: Sequence[Json]) -> str:
    """The records with what they mean."""
    return json.dumps({"about": ABOUT, "generators": records}, indent=1, ensure_ascii=False) + "\n"


def as_csv(records: Sequence[Json]) -> str:
    """A line for each generator; of a metric the value, ends of its interval, and the floor."""
    plain, measured = [_plain(row) for row in records], [_apart(row["metrics"]) for row in records]
    names = [name for name in (*METRICS, LEVELS) if any(name in found for found in measured)]
    columns = list(dict.fromkeys(key for row in plain for key in row))
    parts = ("", "_low", "_high", "_floor")
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow([*columns, *(f"{name}{part}" for name in names for part in parts)])
    for found, values in zip(measured, plain, strict=True):
        cells = [cell for name in names for cell in _cells(found.get(name))]
        writer.writerow([*(values.get(column) for column in columns), *cells])
    return target.getvalue()


def _apart(metrics: Json) -> Json:
    """Metrics, where bits per dimension of grey levels have a name of their own."""
    if "bits_per_dim" not in metrics or "nll_nats" in metrics:
        return metrics
    return {LEVELS if name == "bits_per_dim" else name: e for name, e in metrics.items()}


def _plain(row: Json) -> Json:
    """Everything but metrics without nesting: {"dataset": {"name": x}} -> {"dataset_name": x}."""
    found: Json = {}
    for key, value in row.items():
        if key == "metrics":
            continue
        if isinstance(value, dict):
            found |= {f"{key}_{k}": v for k, v in value.items() if not isinstance(v, list)}
        else:
            found[key] = value
    return found


def _cells(entry: Json | None) -> tuple[float | None, ...]:
    if entry is None:
        return (None,) * 4
    low, high = entry["interval"] or (None, None)
    return entry["value"], low, high, entry.get("floor")


def thumb(path: Path, shape: Sequence[int]) -> bytes | None:
    """PNG of eight images along the diagonal of a grid of samples, of other classes if these are
    its rows; None for a picture that is no grid of such images."""
    _, high, wide = shape
    across, down = (side * scale_for(high) + PADDING for side in (wide, high))
    with Image.open(path) as grid:
        columns, rows = (grid.width - PADDING) // across, (grid.height - PADDING) // down
        if columns < COLUMNS or rows < 1:
            return None
        small = min(1.0, LARGEST / wide)
        width, height = max(1, round(small * wide)), max(1, round(small * high))
        sides = COLUMNS * (width + GAP) - GAP, ROWS * (height + GAP) - GAP
        cut = Image.new(grid.mode, sides, GREY if grid.mode == "L" else (GREY,) * 3)
        for number in range(COLUMNS * ROWS):
            left = PADDING + number % columns * across
            top = PADDING + number % rows * down
            cell = grid.crop((left, top, left + across - PADDING, top + down - PADDING))
            # Grids repeat pixels: the box filter gives back those that were generated.
            cell = cell.resize((width, height), Image.Resampling.BOX)
            at = number % COLUMNS * (width + GAP), number // COLUMNS * (height + GAP)
            cut.paste(cell, at)
    buffer = io.BytesIO()
    cut.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def files(docs: Path, found: Sequence[Generator]) -> Iterator[tuple[str, str | bytes]]:
    """Address below docs/ and content of each file."""
    where = posts(docs)
    records = [record(generator, where.get(generator.slug)) for generator in found]
    yield CSV, as_csv(records)
    yield JSON, as_json(records)
    for generator in found:
        made = picture(docs, generator)
        if made is not None:
            yield f"{THUMBS}/{generator.slug}.png", made


def picture(docs: Path, generator: Generator) -> bytes | None:
    """The cut of a generator's samples, where it has published some."""
    return _cut(docs / "assets" / "experiments" / generator.slug / "samples.png",
                tuple(generator.manifest["spec"]["shape"]))  # fmt: skip


def size(docs: Path, generator: Generator) -> tuple[int, int] | None:
    """Width and height of the cut."""
    made = picture(docs, generator)
    if made is None:
        return None
    with Image.open(io.BytesIO(made)) as image:
        return image.size


@functools.cache
def _cut(path: Path, shape: tuple[int, ...]) -> bytes | None:
    return thumb(path, shape) if path.exists() else None
