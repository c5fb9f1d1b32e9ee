"""The story: each number has a source, each section can be retold, each work is told somewhere.

The rule for numbers (docs/contributing.md, "Numbers in the story"): a macro makes it, or the
sentence or the row of the table that holds it cites a work or links to the page that says it.
Harmless are years, digits within names (StyleGAN2, CIFAR-10, R1), formulas, code, headings,
addresses, and the numbers of a list.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[1] / "docs"
STORY = [
    *sorted((DOCS / "state-of-the-art").glob("*.md")),
    DOCS / "fr" / "etat-de-l-art.md",
    DOCS / "fr" / "quelle-methode.md",
]
NO_CLAIM = [
    r"\A---\n.*?\n---\n",  # front matter
    r"```.*?```|`[^`\n]*`",
    r"\$\$.*?\$\$|\\\(.*?\\\)",
    r"\{\{.*?\}\}",
    r"^#+ [^\n]*$",
    r"^ *\d+\. ",
    r"\]\((?!https?:)[^)]*\)",  # addresses of our own pages
]
SOURCE = re.compile(r"\[@|\]\(https?:")
NUMBER = re.compile(r"(?<![\w.,-])\d[\d.,\u202f\u00a0]*(?![\w-])|(?<!\w)\.\d+")
YEAR = re.compile(r"(?:19|20)\d\d")
SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-ZÀ-Ý*«])|\n\s*\n|\n(?=\||- |\d+\. )")


def unsourced(markdown: str) -> list[str]:
    """Sentences and rows of tables that hold a number without a source."""
    for pattern in NO_CLAIM:
        markdown = re.sub(pattern, " ", markdown, flags=re.DOTALL | re.MULTILINE)
    return [
        " ".join(part.split())
        for part in SENTENCE.split(markdown)
        if not SOURCE.search(part)
        and any(
            not YEAR.fullmatch(found.rstrip(".,\u00a0\u202f")) for found in NUMBER.findall(part)
        )
    ]


@pytest.mark.parametrize("path", STORY, ids=lambda path: path.name)
def test_each_number_of_the_story_has_a_source(path):
    assert unsourced(path.read_text(encoding="utf-8")) == []


def test_a_number_without_a_source_is_found():
    assert unsourced("It has an FID of 3.4. Nice.") == ["It has an FID of 3.4."]
    assert unsourced("Precision is .98 here.") and unsourced("| a | 12 |\n| b | c [@key] |")
    assert unsourced("Ours has 4 [@key]. Theirs 5.") == ["Theirs 5."]
    assert unsourced("# Title 3\n\nIt is 5.") == ["It is 5."]
    assert not unsourced("In 2014, R1 and CIFAR-10: {{ value a b }}, \\(s = 3\\).\n\n1. One.")


@pytest.mark.parametrize("path", STORY, ids=lambda path: path.name)
def test_each_section_ends_in_three_sentences(path):
    text = path.read_text(encoding="utf-8")
    for summary in re.findall(r'!!! abstract "[^"]+"\n((?:    .*\n)+)', text):
        assert len(re.findall(r"[.!?](?=\s|$)", summary)) == 3, summary
    if re.search(r"\*\*(?:What was wrong|Ce qui n’allait pas)", text):
        sections = [s for s in re.split(r"^## ", text, flags=re.MULTILINE)[1:] if "$$" in s]
        assert sections
        for section in sections:
            assert "!!! abstract" in section, section[:60]


def test_every_work_of_the_bibliography_is_told_somewhere():
    keys = set(re.findall(r"^@\w+\{([^,]+),", (DOCS / "references.bib").read_text(), re.MULTILINE))
    cited: set[str] = set()
    for page in DOCS.rglob("*.md"):
        cited |= set(re.findall(r"@([\w:-]+)", page.read_text(encoding="utf-8")))
    assert keys - cited == set()


def test_every_post_asks_questions_and_says_what_to_remember():
    for post in sorted((DOCS / "blog" / "posts").glob("*.md")):
        text = post.read_text(encoding="utf-8")
        assert text.count('??? question "') >= 2, post.name
        remembered = text.split("\n## What to remember\n")[1].split("\n## ")[0]
        assert len(re.findall("^- ", remembered, re.MULTILINE)) >= 3, post.name
