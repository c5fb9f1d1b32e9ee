"""Slides as a PowerPoint file: the same slides give the same bytes."""

from __future__ import annotations

import datetime
import io
import re
import zipfile
from collections.abc import Sequence
from typing import Literal

from pptx import Presentation
from pptx.oxml.ns import qn
from pptx.util import Inches

from slides import mechanisms
from slides.draw import Canvas, rgb, write
from slides.look import HIGH, MARGIN, WIDE, colour
from slides.model import Box, Chart, Drawing, Item, Picture, Slide, Table, Text
from slides.plots import plot

TITLE_ONLY = 5
"""Of the layouts that python-pptx's template has."""
TIMES = re.compile(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*")
LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""The first time that a zip file can hold."""


def deck(
    slides: Sequence[Slide], author: str, language: str, size: tuple[float, float] = (WIDE, HIGH)
) -> bytes:
    """A PowerPoint file of the slides; a sheet of another size has no frame."""
    made, title = Presentation(), slides[0].title
    made.slide_width, made.slide_height = (Inches(value) for value in size)
    about = made.core_properties
    about.title, about.author, about.language = title, author, language
    about.created = about.modified = datetime.datetime(*LONG_AGO)
    about.last_modified_by = author
    for number, slide in enumerate(slides, start=1):
        page = made.slides.add_slide(made.slide_layouts[TITLE_ONLY])
        page.background.fill.solid()
        page.background.fill.fore_color.rgb = rgb(colour("paper"))
        canvas = Canvas(page)
        _title(canvas, slide, first=number == 1, sheet=size[0] < WIDE)
        if number > 1:
            _frame(canvas, slide, f"{number}")
        for box, item in slide.items:
            put(canvas, box, item)
        if slide.notes:
            page.notes_slide.notes_text_frame.text = slide.notes
        for text in page._element.iter(qn("a:rPr")):
            text.set("lang", {"fr": "fr-FR", "en": "en-GB"}[language])
    buffer = io.BytesIO()
    made.save(buffer)
    return still(buffer.getvalue())


def put(canvas: Canvas, box: Box, item: Item) -> None:
    """One thing at its place."""
    if isinstance(item, Text):
        canvas.text(box, item)
    elif isinstance(item, Picture):
        canvas.picture(box, item)
    elif isinstance(item, Table):
        canvas.table(box, item)
    elif isinstance(item, Chart):
        plot(canvas, box, item)
    elif isinstance(item, Drawing):
        mechanisms.DRAWINGS[item.name](canvas, box, item)


def _title(canvas: Canvas, slide: Slide, *, first: bool, sheet: bool) -> None:
    """The title, as PowerPoint's outline and screen readers know it."""
    box = Box(MARGIN, 1.5, 5.6, 2.2) if first else Box(MARGIN, 0.4, WIDE - 2 * MARGIN, 0.86)
    size = 40 if first else 28
    if sheet:
        box, size, first = Box(0.6, 0.4, 7.07, 0.6), 26, False
    shape = canvas.page.shapes.title
    assert shape is not None  # of the layout
    shape.left, shape.top, shape.width, shape.height = (Inches(value) for value in box)
    anchor: Literal["middle", "bottom"] = "bottom" if first else "middle"
    write(shape.text_frame, Text([slide.title], size, bold=True, anchor=anchor))


def _frame(canvas: Canvas, slide: Slide, number: str) -> None:
    """What a slide's title means, its sources and its number."""
    wide = WIDE - 2 * MARGIN
    canvas.shape("square", Box(0, 0.52, 0.14, 0.62), fill="link", line="none")
    canvas.text(Box(MARGIN, 1.27, wide, 0.4), Text([slide.lead], 17, "quiet", anchor="middle"))
    canvas.arrow((MARGIN, 6.92), (WIDE - MARGIN, 6.92), "line", 0.75, head=False)
    sources = canvas.text(
        Box(MARGIN, 6.97, wide - 0.9, 0.36), Text([slide.sources], 10, "quiet", anchor="middle")
    )
    sources.name = "Sources"
    shown = Text([number], 12, "quiet", align="right", anchor="middle")
    canvas.text(Box(WIDE - MARGIN - 0.8, 6.97, 0.8, 0.36), shown).name = "Number"


def still(content: bytes) -> bytes:
    """The same zip file without times: of its own, and of the tables behind charts."""
    source, target = zipfile.ZipFile(io.BytesIO(content)), io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as made:
        for name in source.namelist():
            data = source.read(name)
            if name.endswith(".xlsx"):
                data = still(data)
            if name == "docProps/core.xml":
                data = TIMES.sub(rb"\g<1>1980-01-01T00:00:00Z", data)
            made.writestr(zipfile.ZipInfo(name, LONG_AGO), data, zipfile.ZIP_DEFLATED)
    return target.getvalue()
