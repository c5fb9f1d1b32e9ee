"""Method pages: a paper's whole file in rows, nothing lost, nothing twice, whatever it contains."""

from __future__ import annotations

import ast
import functools
import html
import io
import re
import sys
import tokenize
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markdown import Markdown

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "scripts" / "site"))

import method_pages  # noqa: E402
from annotated import Annotated  # noqa: E402

SYNTHETIC = '''\
#!/usr/bin/env python
r"""A paper of our own.

Ada Lovelace: *Notes*, 1943, [arXiv:1234.56789](https://arxiv.org/abs/1234.56789).

It computes \\\\(x < y\\\\) as Menabrea et al. do. It has a second sentence.

# A heading that is too high

- One departure.
"""

import os
from imggen.methods.other import Block, absent
from imggen.nn import mlp

# Why there is a constant.
LIMIT = 3  # trailing, stays
"""What the constant means."""
# Beside the whole string.
PLAIN = """# not a comment

{{ card nothing }} [@nobody] `tick`
"""


# Said before the decorator.
@decorate(
    LIMIT,
)
class Outer(Base):
    """Outer's docstring.

    ## Not a heading of the page
    """

    field: int = 1
    """Field's docstring."""
    bare = 2

    class Inner:
        """Inner's docstring."""

        def deep(self):
            """Deep's docstring."""
            return "é"; "a second statement"

        def shares(self): "its line, so that this stays in the code"

    def method(self, a,  # first
               b):
        result = call(
            a,
            # Inside of the call's arguments,
            # on two lines.
            b,
        )
        other = 1

        # noqa: E501
        def local():
            """Local's docstring."""
            return 0
        for _ in a:
            # In the loop.
            b += 1
        return ("one"
                # Between two strings.
                "two", result, other, local)


async def last(): return 1
# At the very end.
'''

PROSE = """\
Why there is a constant.
What the constant means.
Beside the whole string.
Said before the decorator.
Outer's docstring.
Not a heading of the page
Field's docstring.
Inner's docstring.
Deep's docstring.
Inside of the call's arguments,
on two lines.
Local's docstring.
In the loop.
Between two strings.
At the very end.
One departure.
"""


def statements(source: str) -> tuple[list[list[str]], list[str]]:
    """The tokens of each statement, comments apart, and the comments with lines of their own."""
    found: list[list[str]] = [[]]
    comments = []
    skipped = (tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NEWLINE:
            found.append([])
        elif token.type == tokenize.COMMENT:
            alone = token.line.lstrip().startswith("#") and not re.match(
                "# ?(!|noqa)", token.string
            )
            comments += [token.string] if alone else []
        elif token.type not in skipped:
            found[-1].append(token.string)
    return [tokens for tokens in found if tokens], comments


def is_docstring(tokens: list[str]) -> bool:
    """Whether a statement is nothing but a string."""
    return len(tokens) == 1 and tokens[0].endswith(('"', "'"))


class Reader(HTMLParser):
    """What a reader sees in the two columns of a built page."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[int] = []
        self.code, self.inside, self.levels = "", False, []

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        if re.fullmatch(r"L\d+", values.get("id") or ""):
            self.lines.append(int(values["id"][1:]))
        self.inside |= tag == "pre"
        self.levels += [tag] if re.fullmatch("h[1-6]", tag) else []

    def handle_endtag(self, tag):
        self.inside &= tag != "pre"

    def handle_data(self, data):
        self.code += data if self.inside else ""


@pytest.fixture
def folder(tmp_path) -> Path:
    """A folder of two papers."""
    (tmp_path / "__init__.py").write_text('"""No paper."""\n')
    (tmp_path / "strange.py").write_text(SYNTHETIC)
    (tmp_path / "other.py").write_text('"""Another."""\n\n\nclass Block:\n    pass\n')
    return tmp_path


def rendered(markdown: str) -> str:
    """The page's body, by the extensions of mkdocs.yml that matter here."""
    names = ["attr_list", "md_in_html", "toc", "pymdownx.superfences", "pymdownx.arithmatex"]
    settings = {"pymdownx.arithmatex": {"generic": True}}
    body = markdown.split("---\n", 2)[2]
    return Markdown(extensions=names, extension_configs=settings).convert(body)


def check(page: str, source: str) -> None:
    """The page has all code in order and once, each docstring and comment once, and one h1."""
    reader = Reader()
    reader.feed(page)
    texts = source.split("\n")
    assert reader.lines == sorted(set(reader.lines))
    assert reader.code.split("\n")[:-1] == [texts[number - 1] for number in reader.lines]
    assert reader.levels.count("h1") == 1 and reader.levels[0] == "h1"

    expected, comments = statements(source)
    shown, left = statements(reader.code)
    assert shown == [tokens for tokens in expected if not is_docstring(tokens)]
    assert not left
    docstrings = [ast.literal_eval(tokens[0]) for tokens in expected if is_docstring(tokens)]
    file = Annotated(source)
    prose = [file.docstring, *(text for row in file.rows for text in row.prose)]
    words = Counter(" ".join([*docstrings, *(comment.strip("# ") for comment in comments)]).split())
    assert Counter(" ".join(prose).split()) == words


def test_a_strange_file_loses_and_repeats_nothing(folder):
    page = rendered(method_pages.pages({}, folder)["methods/strange.md"])
    check(page, SYNTHETIC)
    prose = html.unescape(re.sub(r"<(pre|button).*?</\1>", "", page, flags=re.DOTALL))
    for text in PROSE.splitlines():
        assert prose.count(text) == 1, text
    assert "trailing, stays" not in prose and "noqa" not in prose


def test_prose_stands_beside_the_lines_that_it_explains():
    file = Annotated(SYNTHETIC)
    beside = {
        row.prose[-1].split("\n")[0]: [file.texts[n - 1].strip() for n in row.lines]
        for row in file.rows
        if row.prose
    }
    assert beside["Field's docstring."] == ["field: int = 1"]
    assert beside["Inside of the call's arguments,"] == ["b,", ")"]
    assert beside["In the loop."] == ["b += 1"]
    assert beside["Said before the decorator."] == [
        "@decorate(",
        "LIMIT,",
        ")",
        "class Outer(Base):",
    ]
    names = [row.name for row in file.rows if row.name]
    assert names == [
        "Outer",
        "Outer.Inner",
        "Outer.Inner.deep",
        "Outer.Inner.shares",
        "Outer.method",
        "last",
    ]


def test_titles_and_summaries_come_from_the_docstrings(folder):
    other, strange = sorted(method_pages.papers(folder), key=lambda paper: paper.name)
    assert (strange.title, strange.year, other.title) == ("A paper of our own", "1943", "Another")
    assert strange.summary.endswith("as Menabrea et al. do.")
    index = method_pages.pages({}, folder)["methods/index.md"]
    assert "[A paper of our own](strange.md)" in index and "No paper" not in index
    assert "[arXiv:1234.56789](https://arxiv.org/abs/1234.56789)" in index


def test_imports_link_to_the_pages_that_explain_them(folder):
    made = method_pages.pages({"imggen.nn": "reference/imggen.nn.md"}, folder)
    page = made["methods/strange.md"]
    assert "[`Block`](other.md#block), `absent`" in page
    assert "[imggen.nn](../reference/imggen.nn.md): `mlp`" in page


def test_macros_and_citations_leave_code_alone(folder):
    page = method_pages.pages({}, folder)["methods/strange.md"]
    assert "{{" not in page and "[@" not in page


@functools.cache
def all_pages() -> dict[str, str]:
    return method_pages.pages({})


@pytest.mark.parametrize("paper", method_pages.papers(), ids=lambda paper: paper.name)
def test_each_paper_is_whole_on_its_page(paper):
    source = paper.path.read_text()
    made = all_pages()
    page = rendered(made[f"methods/{paper.name}.md"])
    check(page, source)
    assert made[f"methods/{paper.path.name}"] == source
    assert f">{html.escape(paper.title, quote=False)}</h1>" in page
