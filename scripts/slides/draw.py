"""Texts, tables, pictures and shapes on a slide, in the site's colours."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from PIL import Image
from pptx.dml.color import RGBColor
from pptx.enum.shapes import MSO_CONNECTOR, MSO_SHAPE
from pptx.enum.text import MSO_ANCHOR, PP_ALIGN
from pptx.oxml.ns import qn
from pptx.util import Inches, Length, Pt

from slides.look import FONT, colour, mixed
from slides.model import Box, Picture, Table, Text

if TYPE_CHECKING:
    from pptx.shapes.autoshape import Shape
    from pptx.shapes.connector import Connector
    from pptx.slide import Slide as Page
    from pptx.text.text import TextFrame

ALIGN = {"left": PP_ALIGN.LEFT, "center": PP_ALIGN.CENTER, "right": PP_ALIGN.RIGHT}
ANCHOR = {"top": MSO_ANCHOR.TOP, "middle": MSO_ANCHOR.MIDDLE, "bottom": MSO_ANCHOR.BOTTOM}
SHAPES = {
    "box": MSO_SHAPE.ROUNDED_RECTANGLE,
    "square": MSO_SHAPE.RECTANGLE,
    "circle": MSO_SHAPE.OVAL,
    "widening": MSO_SHAPE.TRAPEZOID,
    "diamond": MSO_SHAPE.DIAMOND,
    "file": MSO_SHAPE.FOLDED_CORNER,
    "cross": MSO_SHAPE.MATH_MULTIPLY,
}
CAPTION = 0.28
"""Inches below a picture for its caption."""


def rgb(hexadecimal: str) -> RGBColor:
    """A colour as python-pptx wants it."""
    return RGBColor.from_string(hexadecimal.upper())


@dataclass(frozen=True)
class Canvas:
    """A slide that is being drawn."""

    page: Page

    def text(self, box: Box, text: Text) -> Shape:
        """Paragraphs in a box without a frame."""
        shape = self.page.shapes.add_textbox(*_emu(box))
        write(shape.text_frame, text)
        return shape

    def label(
        self,
        box: Box,
        words: str,
        size: float = 13,
        colour: str = "ink",
        *,
        bold: bool = False,
        align: Literal["left", "center", "right"] = "center",
    ) -> None:
        """A few words in the middle of a box."""
        lines = words.split("\n")
        text = Text(lines, size, colour, bold=bold, align=align, anchor="middle", gap=0)
        self.text(box, text)

    def shape(
        self,
        kind: str,
        box: Box,
        words: str = "",
        fill: str = "panel",
        line: str = "quiet",
        size: float = 13,
        *,
        ink: str = "ink",
        turn: float = 0,
        bold: bool = False,
    ) -> Shape:
        """A shape with words in it; `fill` and `line` are names of colours, or "none"."""
        shape = self.page.shapes.add_shape(SHAPES[kind], *_emu(box))
        _paint(shape, fill, line)
        if turn:
            shape.rotation = turn
        if kind == "box":
            shape.adjustments[0] = 0.12
        text = Text(words.split("\n"), size, ink, bold=bold, align="center", anchor="middle", gap=0)
        if not turn:
            write(shape.text_frame, text, margin=0.04)
        elif words:
            self.text(box, text)
        return shape

    def arrow(
        self,
        start: tuple[float, float],
        end: tuple[float, float],
        colour: str = "quiet",
        width: float = 1.75,
        *,
        dashed: bool = False,
        head: bool = True,
    ) -> None:
        """A line from one point to another, in inches, with a head at its end."""
        ends = [Inches(value) for value in (*start, *end)]
        line = self.page.shapes.add_connector(MSO_CONNECTOR.STRAIGHT, *ends)
        _plain(line)
        line.line.color.rgb = rgb(_hex(colour))
        line.line.width = Pt(width)
        properties = line.line._get_or_add_ln()
        if dashed:
            properties.append(properties.makeelement(qn("a:prstDash"), {"val": "dash"}))
        if head:
            found = {"type": "triangle", "w": "med", "len": "med"}
            properties.append(properties.makeelement(qn("a:tailEnd"), found))

    def picture(self, box: Box, picture: Picture) -> None:
        """A picture as large as fits into the box, its caption below it."""
        room = box.h - (CAPTION if picture.caption else 0)
        content = picture.png()
        with Image.open(io.BytesIO(content)) as image:
            scale = min(box.w / image.width, room / image.height)
            width, height = image.width * scale, image.height * scale
        place = Box(box.x + (box.w - width) / 2, box.y + (room - height) / 2, width, height)
        shape = self.page.shapes.add_picture(io.BytesIO(content), *_emu(place))
        shape._element.xpath("./p:nvPicPr/p:cNvPr")[0].set("descr", picture.alt)
        if picture.caption:
            below = Box(box.x, place.y + height + 0.02, box.w, CAPTION)
            self.label(below, picture.caption, 12, "quiet")

    def table(self, box: Box, table: Table) -> None:
        """A table as wide as the box."""
        rows, columns = len(table.rows), len(table.widths)
        frame = self.page.shapes.add_table(rows, columns, *_emu(box))
        made = frame.table
        frame._element.xpath(".//a:tblPr")[0].set("bandRow", "0")
        for column, share in enumerate(table.widths):
            made.columns[column].width = Inches(box.w * share / sum(table.widths))
        head = min(0.45, box.h / rows)
        heights = (head, (box.h - head) / (rows - 1))
        for r, row in enumerate(table.rows):
            made.rows[r].height = Inches(heights[min(r, 1)])
            for c, words in enumerate(row):
                cell = made.cell(r, c)
                align: Literal["left", "center"] = "center" if table.centred and c else "left"
                ink = "quiet" if r == 0 else "ink"
                write(
                    cell.text_frame,
                    Text([words], table.size, ink, bold=r == 0 or c == 0, align=align),
                    margin=None,
                )
                cell.vertical_anchor = MSO_ANCHOR.MIDDLE
                cell.margin_left = cell.margin_right = Inches(0.08)
                cell.margin_top = cell.margin_bottom = Inches(0.03)
                cell.fill.solid()
                behind = colour("panel" if r == 0 else "paper")
                cell.fill.fore_color.rgb = rgb(table.fills.get((r, c), behind))
                _underline(cell._tc)


def write(frame: TextFrame, text: Text, margin: float | None = 0.0) -> None:
    """Paragraphs into a frame; **so** is bold."""
    frame.word_wrap = True
    if margin is not None:
        frame.margin_left = frame.margin_right = Inches(margin)
        frame.margin_top = frame.margin_bottom = Inches(margin)
        frame.vertical_anchor = ANCHOR[text.anchor]
    for number, words in enumerate(text.paragraphs):
        paragraph = frame.paragraphs[0] if number == 0 else frame.add_paragraph()
        paragraph.alignment = ALIGN[text.align]
        paragraph.space_after = Pt(text.gap if number + 1 < len(text.paragraphs) else 0)
        if text.bullets:
            _bullet(paragraph._p)
        for part in re.split(r"(\*\*.+?\*\*)", words):
            if part:
                run = paragraph.add_run()
                run.text = part.strip("*") if part.startswith("**") else part
                run.font.name, run.font.size = FONT, Pt(text.size)
                run.font.bold = text.bold or part.startswith("**")
                run.font.color.rgb = rgb(_hex(text.colour))


def _bullet(paragraph: object) -> None:
    """A short line before a paragraph, which hangs behind it."""
    properties = paragraph.get_or_add_pPr()  # type: ignore[attr-defined]
    properties.set("marL", str(Inches(0.26)))
    properties.set("indent", str(-Inches(0.26)))
    ink = properties.makeelement(qn("a:buClr"), {})
    ink.append(ink.makeelement(qn("a:srgbClr"), {"val": colour("link")}))
    properties.append(ink)
    properties.append(properties.makeelement(qn("a:buFont"), {"typeface": FONT}))
    properties.append(properties.makeelement(qn("a:buChar"), {"char": "–"}))


def _underline(cell: object) -> None:
    """A thin line below a cell, none at its sides."""
    properties = cell.get_or_add_tcPr()  # type: ignore[attr-defined]
    for at, side in enumerate(("lnL", "lnR", "lnT", "lnB")):
        line = properties.makeelement(qn(f"a:{side}"), {"w": "9525" if side == "lnB" else "0"})
        fill = line.makeelement(qn("a:solidFill" if side == "lnB" else "a:noFill"), {})
        if side == "lnB":
            fill.append(fill.makeelement(qn("a:srgbClr"), {"val": colour("line")}))
        line.append(fill)
        properties.insert(at, line)


def _plain(shape: Shape | Connector) -> None:
    """Takes the theme's shadows and blues from a shape."""
    style = shape._element.find(qn("p:style"))
    if style is not None:
        shape._element.remove(style)


def _paint(shape: Shape, fill: str, line: str) -> None:
    _plain(shape)
    if fill == "none":
        shape.fill.background()
    else:
        shape.fill.solid()
        shape.fill.fore_color.rgb = rgb(_hex(fill))
    if line == "none":
        shape.line.fill.background()
    else:
        shape.line.color.rgb = rgb(_hex(line))
        shape.line.width = Pt(1.25)


def _hex(name: str) -> str:
    """rrggbb of a colour's name; "good/20" is a fifth of it on the paper."""
    plain, _, share = name.partition("/")
    return mixed(plain, int(share) / 100) if share else colour(plain)


def _emu(box: Box) -> tuple[Length, Length, Length, Length]:
    x, y, w, h = (Inches(value) for value in box)
    return x, y, w, h
