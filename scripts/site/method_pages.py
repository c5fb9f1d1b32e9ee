"""One page per paper: its file in two columns, prose beside the code that it explains.

A paper is a file in imggen/methods. Its title is the first line of its docstring; authors, arXiv
link and summary are the paragraphs that follow. Adding a paper needs no edit here.
"""

from __future__ import annotations

import ast
import html
import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from annotated import Annotated, Row
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

REPOSITORY = Path(__file__).resolve().parents[2]
FRONT = "---\nhide: [navigation, toc]\ndescription: {}\n---\n\n"
FENCE = re.compile(r"(^```.*?^```)", re.MULTILINE | re.DOTALL)
SENTENCE = re.compile(
    r"(?<=[.:!?])(?<!\bal\.)(?<!\b[A-Z]\.)(?<!\be\.g\.)(?<!\bi\.e\.)\s+(?=[A-Z\\`])"
)
ACTIVE = {ord(character): f"&#{ord(character)};" for character in "{}[]@`$\\"}
"""What macros, citations and Markdown would see in code."""


@dataclass
class Paper:
    """The file of one paper."""

    path: Path

    @property
    def name(self) -> str:
        """The module's name: dcgan."""
        return self.path.stem

    @property
    def place(self) -> str:
        """The file in the repository."""
        return f"imggen/methods/{self.path.name}"

    @cached_property
    def file(self) -> Annotated:
        """The file in rows."""
        return Annotated(self.path.read_text(encoding="utf-8"))

    @cached_property
    def paragraphs(self) -> list[str]:
        """The docstring's, the title apart."""
        return re.split(r"\n\s*\n", self.file.docstring or "")[1:]

    @property
    def title(self) -> str:
        """The docstring's first line without its full stop."""
        first = (self.file.docstring or self.name).split("\n\n", 1)[0]
        return re.sub(r"\.$", "", " ".join(first.split()))

    @property
    def introduction(self) -> str:
        """The docstring after its title; its headings fit below the page's."""
        text = "\n\n".join(self.paragraphs)
        return outside_fences(r"^# ", "## ", outside_fences(r"^(.+)\n=+$", r"## \1", text))

    @property
    def origin(self) -> str:
        """The paragraph with authors, title and year, on one line."""
        found = [p for p in self.paragraphs[:2] if re.search(r"arxiv\.org|\b(19|20)\d\d\b", p)]
        return " ".join(found[0].split()) if found else ""

    @property
    def year(self) -> str:
        """The year that the origin says."""
        years = re.findall(r"\b(?:19|20)\d\d\b(?!\.\d)", re.sub(r"\(http.*?\)", "", self.origin))
        return years[-1] if years else ""

    @property
    def summary(self) -> str:
        """The first sentence after the origin."""
        prose = (" ".join(p.split()) for p in self.paragraphs if p[:1] not in "#$-*")
        first = next((p for p in prose if p != self.origin), "")
        return re.sub(r":$", ".", SENTENCE.split(first)[0])

    @cached_property
    def anchors(self) -> dict[str, str]:
        """The anchor of each definition: `Generator.forward` is at #generator.forward."""
        made: dict[str, str] = {}
        for name in (row.name for row in self.file.rows if row.name):
            anchor = name.lower().replace("__", "")
            while anchor in made.values():
                anchor += "-again"
            made[name] = anchor
        return made


def papers(folder: Path = REPOSITORY / "imggen" / "methods") -> list[Paper]:
    """All papers, oldest first."""
    found = [Paper(path) for path in folder.glob("*.py") if path.name != "__init__.py"]
    return sorted(found, key=lambda paper: (paper.year or "9999", paper.title, paper.name))


def outside_fences(pattern: str, replacement: str, text: str) -> str:
    """Substitutes in Markdown, fenced code apart."""
    parts = FENCE.split(text)
    parts[::2] = [re.sub(pattern, replacement, part, flags=re.MULTILINE) for part in parts[::2]]
    return "".join(parts)


def highlighted(source: str) -> list[str]:
    """HTML of each line, coloured in the light of the whole file."""
    lexer = PythonLexer(stripnl=False, ensurenl=False)
    made = highlight(source, lexer, HtmlFormatter(nowrap=True)).translate(ACTIVE)
    return [line or "" for line in made.split("\n")]


class MethodPage:
    """Markdown of a paper's page; `known` are the other pages, by module, that it may link to."""

    def __init__(self, paper: Paper, known: dict[str, str], others: list[Paper]) -> None:
        self.paper, self.known = paper, known
        self.others = {f"imggen.methods.{other.name}": other for other in others}
        self.lines = highlighted(paper.file.source)

    def markdown(self) -> str:
        """The whole page."""
        paper = self.paper
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)|[\\`*$]", r"\1", paper.origin or paper.title)
        parts = [
            FRONT.format(json.dumps(plain, ensure_ascii=False)),
            f"# {paper.title}\n\n",
            '<div class="method-top" markdown>\n\n<div class="method-intro" markdown>\n\n',
            f"{paper.introduction}\n\n</div>\n\n{self.aside()}\n\n</div>\n\n",
            '<div class="method" markdown>\n\n',
        ]
        opened = False
        for row in paper.file.rows:
            if row.section or not opened:
                parts.append("</div>\n\n" if opened else "")
                parts.append('<div class="part" markdown>\n\n')
                opened = True
            parts.append(self.row(row))
        parts.append("</div>\n\n</div>\n" if opened else "</div>\n")
        return "".join(parts)

    def row(self, row: Row) -> str:
        """Prose, then the code beside it."""
        prose = [self.heading(row.name)] if row.name else []
        prose += [outside_fences(r"^#+ +(.*)$", r"**\1**", text) for text in row.prose]
        prose += self.origins(row)
        words = "\n\n".join(prose)
        return (
            '<div class="row" markdown>\n\n'
            f'<div class="prose" markdown>\n\n{words}\n\n</div>\n\n{self.code(row)}\n\n</div>\n\n'
        )

    def heading(self, name: str) -> str:
        """A level-two heading for what the file defines, below it for what classes contain."""
        level = "#" * min(2 + name.count("."), 4)
        return f"{level} `{name}` {{ #{self.paper.anchors[name]} }}"

    def code(self, row: Row) -> str:
        """The row's lines as HTML, numbered as in the file."""
        if not row.lines:
            return '<div class="code"></div>'
        first, last = row.lines[0], row.lines[-1]
        width = len(str(len(self.lines)))
        lines = "\n".join(
            f'<span id="L{n}"><span data-linenos="{n:>{width}} "></span>{self.lines[n - 1]}</span>'
            for n in row.lines
        )
        where = f"line {first}" if first == last else f"lines {first} to {last}"
        return (
            # Code would be a quarter of the search index, which every page loads.
            '<div class="code"><div class="highlight no-copy" data-search-exclude>'
            f'<pre tabindex="0" role="region" aria-label="{self.paper.path.name}, {where}">'
            f"<code>{lines}\n</code></pre></div></div>"
        )

    def origins(self, row: Row) -> list[str]:
        """Where imported blocks are explained, if on a page of this site."""
        return [
            f"From [{node.module}]({self.link(node.module)}): "
            + ", ".join(self.imported(node.module, alias.name) for alias in node.names)
            for node in row.imports
            if isinstance(node, ast.ImportFrom) and node.module and self.link(node.module)
        ]

    def link(self, module: str) -> str:
        """The module's page as seen from here, if it has one."""
        if module in self.others:
            return f"{self.others[module].name}.md"
        return f"../{self.known[module]}" if module in self.known else ""

    def imported(self, module: str, name: str) -> str:
        """An imported name, linked when it is another paper's or a module with a page."""
        anchor = self.others[module].anchors.get(name) if module in self.others else None
        target = f"{self.link(module)}#{anchor}" if anchor else self.link(f"{module}.{name}")
        return f"[`{name}`]({target})" if target else f"`{name}`"

    def aside(self) -> str:
        """What the file holds, what uses it, and how to get it."""
        paper = self.paper
        contents = [f"[`{name}`](#{at})" for name, at in paper.anchors.items() if "." not in name]
        whole = html.escape(paper.file.source).translate(ACTIVE).replace("\n", "&#10;")
        facts = {
            "Source": f"[`{paper.place}`]({paper.path.name}), {len(self.lines) - 1} lines",
            "Experiments": "<br>".join(f"`{use}`" for use in uses(paper)),
            "Posts": "<br>".join(posts(paper)),
            "Defines": "<br>".join(contents),
        }
        shown = "".join(
            f"<dt>{name}</dt>\n<dd markdown>\n\n{fact}\n\n</dd>\n"
            for name, fact in facts.items()
            if fact
        )
        return (
            f'<aside class="method-facts" aria-label="This file" markdown>\n\n'
            f"<dl markdown>\n{shown}</dl>\n\n"
            f'<button type="button" class="md-button" data-clipboard-text="{whole}">'
            "Copy the file</button>\n\n</aside>"
        )


def uses(paper: Paper) -> list[str]:
    """The experiments that import a paper, found in their text."""
    imported = re.compile(
        rf"imggen\.methods\.{paper.name}\b|from imggen\.methods import [^\n]*\b{paper.name}\b"
    )
    files = sorted((REPOSITORY / "experiments").rglob("*.py"))
    found = [file for file in files if imported.search(file.read_text(encoding="utf-8"))]
    return [file.relative_to(REPOSITORY).as_posix() for file in found]


def posts(paper: Paper) -> list[str]:
    """Links to the posts that link to a paper's page."""
    found = []
    for file in sorted((REPOSITORY / "docs" / "blog" / "posts").glob("*.md")):
        text = file.read_text(encoding="utf-8")
        title = re.search(r"^# (.+)$", text, re.MULTILINE)
        if title and f"methods/{paper.name}.md" in text:
            found.append(f"[{title[1]}](../blog/posts/{file.name})")
    return found


def index(found: list[Paper]) -> str:
    """The list of all papers."""
    lines = [
        "---\nhide: [toc]\n---\n\n# Methods",
        "",
        f"{len(found)} papers, one file each, oldest first. Each page is that file: prose and "
        "equations stand beside the code that they explain.",
        "",
        '<div class="method-list" markdown>',
        "",
    ]
    for paper in found:
        lines += [f"## [{paper.title}]({paper.name}.md) {{ #{paper.name} }}", ""]
        lines += [text for part in (paper.origin, paper.summary) if part for text in (part, "")]
    return "\n".join([*lines, "</div>", ""])


def pages(
    known: dict[str, str], folder: Path = REPOSITORY / "imggen" / "methods"
) -> dict[str, str]:
    """The papers' pages, their sources and the index, by their place in docs/."""
    found = papers(folder)
    made = {"methods/index.md": index(found)}
    for paper in found:
        made[f"methods/{paper.name}.md"] = MethodPage(paper, known, found).markdown()
        made[f"methods/{paper.path.name}"] = paper.file.source
    return made
