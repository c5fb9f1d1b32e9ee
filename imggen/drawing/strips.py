"""Rows of images with a name each, and lines over a time. Knows no model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from imggen.drawing.charts import COLOURS, INK, drawing, svg
from imggen.drawing.grids import image_grid

GLOW = "inferno"
"""matplotlib's colours from black over red to a light yellow, evenly apart to the eye."""

if TYPE_CHECKING:
    from torch import Tensor

    from imggen.drawing.charts import Values
    from imggen.drawing.grids import Pixels


def strips(rows: Mapping[str, Tensor], heads: Sequence[str], label: str) -> bytes:
    """SVG: a row of uint8 images (N, C, H, W) below its name, for each name; N the same for all.

    `heads` stand above the N columns, and `label` says what they are.
    """
    with drawing(0.42 * len(heads), 0.72 * len(rows) + 0.5) as (figure, buffer):
        axes = figure.subplots(len(rows), 1, squeeze=False)[:, 0]
        for axis, (name, pixels) in zip(axes, rows.items(), strict=True):
            axis.imshow(image_grid(pixels, len(pixels)), interpolation="nearest")
            axis.set_title(name, loc="left", fontsize=9, pad=3)
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
        step = pixels.shape[3] + 2
        axes[-1].set_xticks([2 + step * (i + 0.5) - 1 for i in range(len(heads))], heads)
        axes[-1].tick_params(length=0, labelsize=8)
        axes[-1].set_xlabel(label, fontsize=9)
        return svg(figure, buffer)


def lines(drawn: Mapping[str, Sequence[tuple[float, float]]], x: str, y: str, top: float) -> bytes:
    """SVG: lines of points, x falling from left to right as time does when one samples.

    What is above `top` is cut off.
    """
    with drawing(5.6, 3.4) as (figure, buffer):
        axis = figure.subplots()
        for (name, points), colour in zip(drawn.items(), COLOURS[: len(drawn)], strict=True):
            axis.plot(*zip(*points, strict=True), color=colour, linewidth=1.8, label=name)
        axis.invert_xaxis()
        axis.set(xlabel=x, ylabel=y, ylim=(0, top))
        axis.grid(color=INK, alpha=0.2, linewidth=0.6)
        axis.legend(frameon=False, labelcolor=INK)
        return svg(figure, buffer)


def coloured(values: Values, most: float) -> Pixels:
    """Numbers (N, h, w) from 0 to `most`, the rest as bright as that -> pixels (N, h, w, 3)."""
    from matplotlib import colormaps

    return colormaps[GLOW](values / most, bytes=True)[..., :3]


def heat(picture: Pixels, most: float, label: str) -> bytes:
    """SVG: a picture with `coloured` numbers in it, and below it the scale of their colours.

    `label` says what the numbers are.
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    height, width, _ = picture.shape
    with drawing(4.6, 4.6 * height / width + 0.7) as (figure, buffer):
        axis = figure.subplots()
        axis.imshow(picture, interpolation="nearest")
        axis.set_axis_off()
        scale = ScalarMappable(Normalize(0, most), GLOW)
        bar = figure.colorbar(scale, ax=axis, orientation="horizontal", shrink=0.7, aspect=25)
        bar.set_label(label)
        return svg(figure, buffer)
