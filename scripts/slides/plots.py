"""Charts that PowerPoint and LibreOffice draw from the numbers inside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pptx.chart.data import CategoryChartData, XyChartData
from pptx.enum.chart import XL_CHART_TYPE, XL_LABEL_POSITION, XL_LEGEND_POSITION, XL_MARKER_STYLE
from pptx.enum.dml import MSO_LINE
from pptx.oxml.ns import qn
from pptx.util import Inches, Pt

from slides.draw import Canvas, rgb
from slides.look import FONT, colour
from slides.model import Axis, Box, Chart, Series

if TYPE_CHECKING:
    from pptx.chart.chart import Chart as Made

TYPES = {
    "bars": XL_CHART_TYPE.BAR_CLUSTERED,
    "columns": XL_CHART_TYPE.COLUMN_CLUSTERED,
    "dots": XL_CHART_TYPE.XY_SCATTER,
    "lines": XL_CHART_TYPE.XY_SCATTER_LINES,
}


def plot(canvas: Canvas, box: Box, chart: Chart) -> None:
    """Puts a chart on a slide."""
    frame = canvas.page.shapes.add_chart(
        TYPES[chart.kind],
        Inches(box.x),
        Inches(box.y),
        Inches(box.w),
        Inches(box.h),
        _data(chart),  # type: ignore[arg-type]
    )
    made: Made = frame.chart  # type: ignore[attr-defined]
    ordered = _ordered(chart)
    made.font.name, made.font.size = FONT, Pt(chart.size)
    made.font.color.rgb = rgb(colour("ink"))
    made.has_title = False
    made.has_legend = chart.legend
    if chart.legend:
        made.legend.position = XL_LEGEND_POSITION.BOTTOM
        made.legend.include_in_layout = False
    bars = chart.kind in ("bars", "columns")
    _axis(made, made.value_axis, chart.y)
    if bars:
        _bars(made, chart)
    else:
        _axis(made, made.category_axis, chart.x)
    for series, one in zip(made.plots[0].series, ordered, strict=True):
        (_bar if bars else _mark)(series, one, chart)


def _ordered(chart: Chart) -> list[Series]:
    """The series; of dots and lines the longest first, or LibreOffice 7.4 drops the first one."""
    if chart.kind in ("bars", "columns"):
        return list(chart.series)
    return sorted(chart.series, key=lambda one: -len(one.points))


def _data(chart: Chart) -> CategoryChartData | XyChartData:
    if chart.kind in ("bars", "columns"):
        data = CategoryChartData()
        data.categories = chart.names
        for one in chart.series:
            values: list[float | None] = [None] * len(chart.names)
            for point in one.points:
                values[int(point.x)] = point.y
            data.add_series(one.name, values)
        return data
    found = XyChartData()
    for one in _ordered(chart):
        series = found.add_series(one.name)
        for point in one.points:
            series.add_data_point(point.x, point.y)
    return found


def _axis(made: Made, axis: object, asked: Axis) -> None:
    axis.has_title = bool(asked.title)  # type: ignore[attr-defined]
    if asked.title:
        run = axis.axis_title.text_frame.paragraphs[0].add_run()  # type: ignore[attr-defined]
        run.text, run.font.bold = asked.title, False
        run.font.name, run.font.size = FONT, made.font.size
    for name, value in (("minimum", asked.low), ("maximum", asked.high)):
        setattr(axis, f"{name}_scale", value)
    if asked.unit:
        axis.major_unit = asked.unit  # type: ignore[attr-defined]
    axis.has_major_gridlines = True  # type: ignore[attr-defined]
    for line in (axis.major_gridlines.format.line, axis.format.line):  # type: ignore[attr-defined]
        line.color.rgb, line.width = rgb(colour("line")), Pt(0.75)
    labels = axis.tick_labels  # type: ignore[attr-defined]
    labels.number_format, labels.number_format_is_linked = asked.form, False
    if asked.log:
        scaling = axis._element.find(qn("c:scaling"))  # type: ignore[attr-defined]
        scaling.insert(0, scaling.makeelement(qn("c:logBase"), {"val": "10"}))


def _bars(made: Made, chart: Chart) -> None:
    """The axis of names: the first on top, without lines."""
    axis = made.category_axis
    axis.has_major_gridlines = False
    axis.format.line.color.rgb = rgb(colour("quiet"))
    axis.reverse_order = chart.kind == "bars"
    if chart.kind == "bars":  # with the order turned round the values' axis would be on top
        made.value_axis._element.find(qn("c:crosses")).set("val", "max")
    plot = made.plots[0]
    alone = len([one for one in chart.series if one.name]) == 1 or chart.kind == "bars"
    plot.gap_width, plot.overlap = (35, 100) if chart.kind == "bars" else (60, 0 if alone else -5)


def _bar(series: object, one: Series, chart: Chart) -> None:
    series.format.fill.solid()  # type: ignore[attr-defined]
    series.format.fill.fore_color.rgb = rgb(one.colour)  # type: ignore[attr-defined]
    series.invert_if_negative = False  # type: ignore[attr-defined]
    for point in one.points:
        if point.label:
            _written(series, int(point.x), point.label, chart, XL_LABEL_POSITION.OUTSIDE_END)


def _mark(series: object, one: Series, chart: Chart) -> None:
    line = series.format.line  # type: ignore[attr-defined]
    if chart.kind == "dots":
        line.fill.background()
    else:
        line.color.rgb, line.width = rgb(one.colour), Pt(2.25)
        line.dash_style = MSO_LINE.DASH if one.dashed else MSO_LINE.SOLID
    series.smooth = False  # type: ignore[attr-defined]
    marker = series.marker  # type: ignore[attr-defined]
    marker.style = XL_MARKER_STYLE.NONE if one.dashed else XL_MARKER_STYLE.CIRCLE
    marker.size = 9
    marker.format.fill.solid()
    marker.format.fill.fore_color.rgb = rgb(one.colour)
    marker.format.line.color.rgb = rgb(colour("paper"))
    for at, point in enumerate(one.points):
        if point.label:
            words, place = point.label, XL_LABEL_POSITION.RIGHT
            if words[0] in "<^v":  # where to write it, if not to the right
                place = {"<": XL_LABEL_POSITION.LEFT, "^": XL_LABEL_POSITION.ABOVE,
                         "v": XL_LABEL_POSITION.BELOW}[words[0]]  # fmt: skip
                words = words[1:]
            _written(series, at, words, chart, place)


def _written(series: object, at: int, words: str, chart: Chart, place: XL_LABEL_POSITION) -> None:
    """Words beside a point."""
    label = series.points[at].data_label  # type: ignore[attr-defined]
    run = label.text_frame.paragraphs[0].add_run()
    run.text = words
    run.font.name, run.font.size = FONT, Pt(chart.size)
    run.font.color.rgb = rgb(colour("ink"))
    label.position = place
