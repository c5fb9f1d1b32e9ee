"""The families side by side, and one after the other."""

from __future__ import annotations

from families import css

from slides.draw import Canvas
from slides.model import Box, Drawing

PANELS = ("GAN", "VAE", "autoregressive", "flow", "diffusion", "one-step")
LANES = ("GAN", "VAE", "autoregressive", "diffusion", "flow", "one-step")


def ink(family: str) -> str:
    """The name of a family's colour on the site."""
    return css(family).removeprefix("var(--").removesuffix(")")


def families(canvas: Canvas, box: Box, drawing: Drawing) -> None:
    """Six small drawings, each with what it costs."""
    wide, high, gap = (box.w - 0.6) / 3, (box.h - 0.25) / 2, 0.3
    for place, name in enumerate(PANELS):
        x, y = box.x + place % 3 * (wide + gap), box.y + place // 3 * (high + 0.25)
        title, idea, price = drawing.words[name].split("\n")
        canvas.shape("square", Box(x, y, wide, high), fill="panel", line="none")
        canvas.shape("square", Box(x, y, 0.08, high), fill=ink(name), line="none")
        canvas.label(Box(x + 0.25, y + 0.08, 2.6, 0.4), title, 17, ink(name), bold=True,
                     align="left")  # fmt: skip
        _small(canvas, name, x + 0.25, y + 0.55, wide - 0.5)
        canvas.label(Box(x + 0.25, y + high - 0.92, wide - 0.4, 0.4), idea, 14, align="left")
        canvas.label(Box(x + 0.25, y + high - 0.5, wide - 0.4, 0.4), price, 14, "bad", align="left")


def _small(canvas: Canvas, name: str, x: float, y: float, wide: float) -> None:
    """A family's mechanism in one row of shapes."""
    colour, high = ink(name), 0.62
    rows = {
        "GAN": ("z", "G", "x", "D", "?"),
        "VAE": ("x", "E", "z", "D", "x"),
        "flow": ("z", "f", "…", "f", "x"),
        "diffusion": ("z", "·", "·", "·", "x"),
        "one-step": ("z", "", "", "", "x"),
        "autoregressive": ("1", "2", "3", "4", "…"),
    }
    step = wide / 5
    for place, letters in enumerate(rows[name]):
        if not letters:
            continue
        net = letters in ("G", "D", "E", "f")
        kind = "box" if net else "circle"
        side = min(high, step * 0.62)
        shown = Box(x + place * step, y + (high - side) / 2, side * (1.15 if net else 1), side)
        fill = f"{colour}/28" if net else "paper"
        if name == "diffusion":  # the noise goes away
            fill = f"quiet/{60 - 15 * place}"
        canvas.shape(kind, shown, letters, fill, colour, 14)
        last = place == len(rows[name]) - 1
        if not last and name != "one-step":
            canvas.arrow((shown.x + shown.w, y + high / 2), (x + (place + 1) * step, y + high / 2),
                         colour, 1.5)  # fmt: skip
    if name == "one-step":
        canvas.arrow((x + step * 0.66, y + high / 2), (x + 4 * step, y + high / 2), colour, 3)


def timeline(canvas: Canvas, box: Box, drawing: Drawing) -> None:
    """A lane a family, a dot a paper; filled dots are papers that we built again.

    Words: lanes by family, and papers as family:name:built by a key, their year behind it.
    """
    first, last = int(drawing.words["first"]), int(drawing.words["last"])
    left, high = box.x + 1.75, (box.h - 0.45) / len(LANES)
    year = (box.x + box.w - left - 0.5) / (last - first)
    for number in range(first, last + 1):
        x = left + (number - first + 0.25) * year
        canvas.arrow((x, box.y), (x, box.y + box.h - 0.4), "line", 0.75, head=False)
        if (number - first) % 2 == 0:
            canvas.label(Box(x - 0.5, box.y + box.h - 0.38, 1, 0.35), str(number), 13, "quiet")
    for lane, name in enumerate(LANES):
        y = box.y + (lane + 0.5) * high
        label = drawing.words[f"lane {name}"]
        canvas.label(Box(box.x, y - 0.3, 1.75, 0.6), label, 15, ink(name), bold=True, align="left")
        canvas.arrow((left, y), (box.x + box.w, y), ink(name), 1.25, head=False)
    for key, words in drawing.words.items():
        if key.startswith("paper "):
            family, name, built, when = words.split(":")
            lane = LANES.index(family)
            x, y = left + (float(when) - first + 0.25) * year, box.y + (lane + 0.5) * high
            fill = ink(family) if built == "yes" else "paper"
            canvas.shape("circle", Box(x - 0.1, y - 0.1, 0.2, 0.2), fill=fill, line=ink(family))
            above = key.endswith("^")
            place = Box(x - 0.9, y - 0.42 if above else y + 0.1, 1.8, 0.32)
            canvas.label(place, name, 12)
