"""A drawing per mechanism, of native shapes that anybody can edit."""

from __future__ import annotations

from collections.abc import Callable

from slides.draw import Canvas
from slides.families_drawn import families, timeline
from slides.model import Box, Drawing, Picture

Draw = Callable[[Canvas, Box, Drawing], None]


def line_of_parts(canvas: Canvas, box: Box, drawing: Drawing) -> None:
    """A production line: many good parts, one bad, and what a generator could do for it."""
    words, y = drawing.words, box.y
    step = box.w / 13
    canvas.shape("square", Box(box.x, y + 1.2, box.w, 0.1), fill="quiet", line="none")
    for place in range(13):
        bad = place == 9
        ink = "bad" if bad else "good"
        part = Box(box.x + step * (place + 0.22), y + 0.55, step * 0.56, step * 0.56)
        canvas.shape("circle", part, fill=f"{ink}/25", line=ink)
        hole = Box(part.x + part.w * 0.32, part.y + part.h * 0.32, part.w * 0.36, part.h * 0.36)
        canvas.shape("circle", hole, fill="paper", line=ink)
        if bad:
            canvas.arrow(
                (part.x + 0.02, part.y + 0.1), (part.x + 0.26, part.y + 0.3), "bad", 2.5, head=False
            )
    for wheel in range(7):
        round_one = Box(box.x + box.w * (wheel + 0.4) / 7, y + 1.32, 0.22, 0.22)
        canvas.shape("circle", round_one, fill="panel", line="quiet")
    at = box.x + step * 9.5
    canvas.label(Box(at - 1.6, y, 3.2, 0.42), words["bad"], 14, "bad", bold=True)
    canvas.label(Box(box.x, y, 5, 0.42), words["good"], 14, "good", bold=True, align="left")
    wide = (box.w - 0.8) / 3
    for place, key in enumerate(("augment", "detect", "represent")):
        left = box.x + place * (wide + 0.4)
        canvas.arrow((left + wide / 2, y + 1.72), (left + wide / 2, y + 2.1), "link")
        title, _, rest = words[key].partition("\n")
        canvas.shape("box", Box(left, y + 2.15, wide, box.h - 2.15), fill="panel", line="line")
        canvas.label(Box(left + 0.15, y + 2.35, wide - 0.3, 0.5), title, 22, "link", bold=True)
        canvas.label(Box(left + 0.2, y + 2.85, wide - 0.4, box.h - 3.05), rest, 18)


def gan(canvas: Canvas, box: Box, drawing: Drawing) -> None:
    """Noise becomes an image, a second network judges it, and its judgement teaches both."""
    words, x, y = drawing.words, box.x, box.y
    canvas.shape("circle", Box(x, y + 0.35, 0.8, 0.8), "z", "panel", size=20)
    canvas.label(Box(x - 0.25, y + 1.18, 1.3, 0.35), words["noise"], 13, "quiet")
    canvas.arrow((x + 0.8, y + 0.75), (x + 1.2, y + 0.75))
    canvas.shape("box", Box(x + 1.2, y + 0.3, 1.3, 0.9), words["G"], "family-1/22", "family-1", 16)
    canvas.arrow((x + 2.5, y + 0.75), (x + 2.9, y + 0.75))
    _image(canvas, Box(x + 2.9, y + 0.3, 0.9, 0.9), drawing, "fake", words["fake"])
    _image(canvas, Box(x + 2.9, y + 2.0, 0.9, 0.9), drawing, "real", words["real"])
    canvas.arrow((x + 3.8, y + 0.75), (x + 4.2, y + 1.4))
    canvas.arrow((x + 3.8, y + 2.45), (x + 4.2, y + 1.8))
    canvas.shape("box", Box(x + 4.2, y + 1.1, 1.6, 1.0), words["D"], "family-2/22", "family-2", 16)
    canvas.arrow((x + 4.95, y + 2.1), (x + 4.95, y + 2.6))
    canvas.label(Box(x + 4.1, y + 2.6, 1.8, 0.6), words["verdict"], 14, "family-2", bold=True)
    down = y + 3.35
    canvas.arrow((x + 4.95, y + 3.2), (x + 4.95, down), "link", dashed=True, head=False)
    canvas.arrow((x + 4.95, down), (x + 1.85, down), "link", dashed=True, head=False)
    canvas.arrow((x + 1.85, down), (x + 1.85, y + 1.2), "link", dashed=True)
    canvas.label(Box(x + 0.2, down + 0.02, 5.4, 0.4), words["gradient"], 14, "link")


def vae(canvas: Canvas, box: Box, drawing: Drawing) -> None:
    """An image becomes a small cloud of codes, a code becomes an image."""
    words, x, y = drawing.words, box.x, box.y
    _image(canvas, Box(x, y + 0.75, 1.0, 1.0), drawing, "real", words["image"])
    canvas.arrow((x + 1.0, y + 1.25), (x + 1.3, y + 1.25))
    canvas.shape("box", Box(x + 1.3, y + 0.8, 1.25, 0.9), words["encoder"], "family-1/22",
                 "family-1", 15)  # fmt: skip
    canvas.arrow((x + 2.55, y + 1.25), (x + 2.85, y + 1.25))
    canvas.shape("circle", Box(x + 2.85, y + 0.7, 1.1, 1.1), "z", "family-3/18", "family-3", 20)
    canvas.label(Box(x + 2.5, y + 0.1, 1.8, 0.55), words["code"], 13, "family-3")
    canvas.arrow((x + 3.95, y + 1.25), (x + 4.25, y + 1.25))
    canvas.shape("box", Box(x + 4.25, y + 0.8, 1.25, 0.9), words["decoder"], "family-1/22",
                 "family-1", 15)  # fmt: skip
    canvas.arrow((x + 5.5, y + 1.25), (x + 5.8, y + 1.25))
    _image(canvas, Box(x + 5.8, y + 0.75, 1.0, 1.0), drawing, "again", words["again"])
    canvas.shape("box", Box(x, y + 2.45, box.w, 0.95), words["bound"], "panel", "line", 16)


def noise(canvas: Canvas, box: Box, drawing: Drawing) -> None:
    """One digit under more and more noise: there without a network, back with one."""
    words, steps = drawing.words, len(drawing.pictures)
    gap, mid = 0.14, box.y + 0.75
    side = (box.w - gap * (steps - 1)) / steps
    for place, picture in enumerate(drawing.pictures.values()):
        left = box.x + place * (side + gap)
        canvas.picture(Box(left, mid, side, side), Picture(picture, words["alt"]))
    canvas.label(Box(box.x, box.y, box.w, 0.36), words["there"], 15, "quiet")
    canvas.arrow((box.x, box.y + 0.52), (box.x + box.w, box.y + 0.52), "quiet")
    below = mid + side + 0.23
    canvas.arrow((box.x + box.w, below), (box.x, below), "link", 2.5)
    canvas.label(Box(box.x, below + 0.12, box.w, 0.36), words["back"], 15, "link", bold=True)


def pipeline(canvas: Canvas, box: Box, drawing: Drawing) -> None:
    """From a paper to a page, and back to the question whether it is still true."""
    keys = ("paper", "method", "run", "folder", "page")
    words, gap = drawing.words, 0.42
    wide = (box.w - gap * (len(keys) - 1)) / len(keys)
    for place, key in enumerate(keys):
        left = box.x + place * (wide + gap)
        title, _, rest = words[key].partition("\n")
        ink = "link" if key in ("method", "run") else "quiet"
        kind = "file" if key in ("paper", "method", "page") else "box"
        canvas.shape(kind, Box(left, box.y, wide, 1.75), "", "panel", ink)
        canvas.label(Box(left + 0.08, box.y + 0.12, wide - 0.16, 0.5), title, 17, ink, bold=True)
        canvas.label(Box(left + 0.08, box.y + 0.62, wide - 0.16, 1.0), rest, 13)
        if place:
            canvas.arrow(
                (left - gap + 0.04, box.y + 0.87), (left - 0.04, box.y + 0.87), "link", 2.5
            )
    down = box.y + 2.2
    right, left = box.x + box.w - wide / 2, box.x + wide + gap + wide / 2
    canvas.arrow((right, box.y + 1.75), (right, down), "good", dashed=True, head=False)
    canvas.arrow((right, down), (left, down), "good", dashed=True, head=False)
    canvas.arrow((left, down), (left, box.y + 1.78), "good", dashed=True)
    canvas.label(Box(left, down + 0.03, right - left, 0.42), words["status"], 15, "good", bold=True)


def restart(canvas: Canvas, box: Box, drawing: Drawing) -> None:
    """Two trainings, one of them killed twice, with the same bits at the end."""
    words, x = drawing.words, box.x + 2.1
    long = box.w - 2.1 - 2.3
    for y, key in ((box.y + 0.3, "whole"), (box.y + 1.5, "killed")):
        canvas.label(Box(box.x, y - 0.3, 2.0, 0.6), words[key], 15, bold=True, align="left")
        canvas.arrow((x, y), (x + long, y), "quiet", 3)
        for save in range(1, 6):
            dot = Box(x + long * save / 6 - 0.1, y - 0.1, 0.2, 0.2)
            canvas.shape("circle", dot, fill="link", line="paper")
    canvas.label(Box(x + long / 6 - 1.2, box.y + 0.45, 2.4, 0.4), words["save"], 13, "link")
    for stop, back in ((0.43, 2), (0.76, 4)):
        y, end, start = box.y + 1.5, x + long * stop, x + long * back / 6
        canvas.shape("cross", Box(end - 0.25, y - 0.25, 0.5, 0.5), fill="bad", line="none")
        canvas.arrow((end, y + 0.2), (end, y + 0.45), "bad", dashed=True, head=False)
        canvas.arrow((end, y + 0.45), (start, y + 0.45), "bad", dashed=True, head=False)
        canvas.arrow((start, y + 0.45), (start, y + 0.12), "bad", dashed=True)
    canvas.label(Box(x + long * 0.2, box.y + 2.0, long * 0.75, 0.4), words["stop"], 13, "bad")
    canvas.shape("box", Box(x + long + 0.15, box.y + 0.35, 2.1, 1.1), words["same"], "good/22",
                 "good", 16, bold=True)  # fmt: skip


def protocol(canvas: Canvas, box: Box, drawing: Drawing) -> None:
    """Which images meet which: generated ones, test images, and the floor of real ones."""
    words, x, y = drawing.words, box.x, box.y
    rows = (("train", 0.0, "quiet"), ("fake", 1.35, "family-1"), ("test", 2.7, "good"))
    for key, down, ink in rows:
        canvas.shape("box", Box(x, y + down, 2.75, 1.0), words[key], f"{ink}/18", ink, 15)
    canvas.arrow((x + 1.37, y + 1.0), (x + 1.37, y + 1.35), "quiet")
    canvas.shape("box", Box(x + 3.5, y + 0.3, 1.95, 3.1), words["features"], "panel", "quiet", 15)
    for _, down, ink in rows:
        canvas.arrow((x + 2.75, y + down + 0.5), (x + 3.5, y + down + 0.5), ink, 2)
    for key, down, ink in (("floor", 0.35, "quiet"), ("value", 2.0, "family-1")):
        canvas.arrow((x + 5.45, y + down + 0.65), (x + 6.1, y + down + 0.65), ink, 2)
        canvas.shape("box", Box(x + 6.1, y + down, box.w - 6.1, 1.3), words[key], f"{ink}/18", ink,
                     15)  # fmt: skip


def _image(canvas: Canvas, box: Box, drawing: Drawing, key: str, words: str) -> None:
    """A small picture with a word below it."""
    canvas.picture(box, Picture(drawing.pictures[key], words))
    canvas.label(Box(box.x - 0.4, box.y + box.h, box.w + 0.8, 0.35), words, 13, "quiet")


DRAWINGS: dict[str, Draw] = {
    "line": line_of_parts, "families": families, "timeline": timeline, "gan": gan, "vae": vae,
    "noise": noise, "pipeline": pipeline, "restart": restart, "protocol": protocol,
}  # fmt: skip
