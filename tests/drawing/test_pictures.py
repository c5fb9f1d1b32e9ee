"""Figures: what is drawn is what was given."""

from __future__ import annotations

import io
import math
import re

import imageio.v3 as iio
import numpy as np
import pytest
import torch

from imggen.drawing import charts, grids
from imggen.runs import sampling


def test_a_grid_places_images_row_by_row_without_changing_a_pixel():
    pixels = torch.arange(6 * 4, dtype=torch.uint8).view(6, 1, 2, 2) * 10
    grid = grids.image_grid(pixels, columns=4, scale=3, padding=1)
    assert grid.shape == (2 * 7 + 1, 4 * 7 + 1, 3)
    assert (grid[1:7:3, 1:7:3, 0] == pixels[0, 0].numpy()).all()
    assert (grid[8:14:3, 8:14:3, 2] == pixels[5, 0].numpy()).all()
    assert (grid[0] == 255).all() and (grid[8:, 15:] == 255).all()


def test_png_bytes_hold_the_image_and_grey_ones_one_channel():
    colour = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    assert (iio.imread(io.BytesIO(grids.png(colour)), extension=".png") == colour).all()
    grey = np.repeat(colour[..., :1], 3, axis=2)
    assert iio.imread(io.BytesIO(grids.png(grey)), extension=".png").shape == (5, 7)


def test_gif_has_all_frames_loops_and_lasts_as_asked():
    from PIL import Image

    frames = [np.full((8, 8, 3), 20 * i, dtype=np.uint8) for i in range(10)]
    with Image.open(io.BytesIO(grids.gif(frames, seconds=2.0, hold_last=1.0))) as gif:
        assert gif.n_frames == 10 and gif.info["loop"] == 0
        lasts = 0
        for i in range(10):
            gif.seek(i)
            lasts += gif.info["duration"]
            assert abs(int(np.asarray(gif.convert("L"))[0, 0]) - 20 * i) <= 9
    assert lasts == pytest.approx(3000, abs=20)


def test_slerp_keeps_norms_and_turns_evenly():
    start, end = torch.randn(6, 20), torch.randn(6, 20)
    start, end = (v / v.norm(dim=1, keepdim=True) for v in (start, end))
    middle = sampling.slerp(start, end, 0.5)
    assert torch.allclose(middle.norm(dim=1), torch.ones(6), atol=1e-5)
    angle = (start * end).sum(1).acos()
    assert torch.allclose((start * middle).sum(1).acos(), angle / 2, atol=1e-4)
    assert torch.allclose(sampling.slerp(start, end, 0), start, atol=1e-6)
    assert torch.allclose(sampling.slerp(start, end, 1), end, atol=1e-6)
    assert torch.allclose(sampling.slerp(start, start, 0.3), start, atol=1e-6)


def test_a_walk_is_closed_and_passes_its_points():
    points = torch.randn(3, 2, 8)
    latents = sampling.walk(points, steps=4)
    assert len(latents) == 12
    for i in range(3):
        assert torch.allclose(latents[4 * i], points[i], atol=1e-5)


def test_curves_are_svg_without_background_and_the_same_every_time():
    rows = [{"step": i, "loss": math.sin(i), "other": 1.0} for i in range(1, 50)]
    panels = {"loss": ("loss",), "both": ("loss", "other")}
    svg = charts.curves(rows, panels, batch=10)
    assert svg == charts.curves(rows, panels, batch=10)
    text = svg.decode()
    assert text.count("<svg") == 1 and "Date" not in text
    assert 'fill="#ffffff"' not in text and "fill: #ffffff" not in text


def texts(svg: bytes) -> list[str]:
    """Comments in an SVG: matplotlib writes each text there before its outlines."""
    return re.findall(r"<!-- (.+?) -->", svg.decode())


def test_dots_have_a_row_for_each_group_and_a_name_for_each_series():
    found = {(g, s): (1.0, 0.5, 2.0) for g in ("one", "two") for s in "abcdefg"}
    panels = {name: charts.Dots(found, floor=0.1) for name in ("first", "second", "third")}
    svg = charts.dots(panels)
    assert svg == charts.dots(panels)
    assert {"one", "two", *"abcdefg", "first", "second", "third"} <= set(texts(svg))
    other = {**panels, "third": charts.Dots({**found, ("one", "a"): (3.0, 2.0, 4.0)}, floor=0.1)}
    assert charts.dots(other) != svg


def test_a_panel_may_lack_a_dot():
    whole = charts.Dots({("g", "a"): (1.0, 0.0, 2.0), ("g", "b"): (1.0, 0.0, 2.0)})
    charts.dots({"x": whole, "y": charts.Dots({("g", "b"): (1.0, 0.0, 2.0)})})


def test_points_of_a_curve_are_named():
    points = {name: ((x, x - 0.1, x + 0.1), (1 - x, 0.9 - x, 1 - x)) for name, x in
              (("low", 0.2), ("high", 0.8))}  # fmt: skip
    curve = charts.Curve("right", "up", points, cross=(0.5, 0.5))
    svg = charts.paths([curve])
    assert svg == charts.paths([curve])
    assert {"low", "high", "right", "up"} <= set(texts(svg))
