"""The page "What happens when", from the table of wrong inputs that the tests go through."""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path

TESTS = Path(__file__).resolve().parents[2] / "tests"
URI = "what-happens-when.md"
INTRODUCTION = """---
search:
  boost: 0.3
description: What imggen says to {n} wrong, damaged and crafted inputs, from the tests' own table.
---

# What happens when

Every input below is typed by a test at each change of the code. All of them end with exit code 2
and one sentence on stderr, of which a part stands on the right; none gives a traceback, runs code
that a file holds, or leaves a half-written file behind. {n} inputs, in {kinds} kinds.
"""


def page() -> str:
    """The Markdown of the page: one table for each kind of input."""
    sys.path.insert(0, str(TESTS))
    try:
        from hostile_inputs import CASES
    finally:
        sys.path.remove(str(TESTS))
    kinds = {kind: list(cases) for kind, cases in groupby(CASES, key=lambda case: case.kind)}
    parts = [INTRODUCTION.format(n=len(CASES), kinds=len(kinds))]
    for kind, cases in kinds.items():
        rows = [f"| {_cell(case.what)} | {_says(case)} |" for case in cases]
        parts += [f"\n## {kind}\n", "| you give | it says |", "| --- | --- |", *rows]
    return "\n".join(parts) + "\n"


def _says(case: object) -> str:
    if case.parsed:  # type: ignore[attr-defined]
        return "the flags that there are, and which one is wrong"
    return f"… {_cell(case.says)} …"  # type: ignore[attr-defined]


def _cell(text: str) -> str:
    """Text that Markdown and HTML leave alone."""
    words = [f"`{word}`" if word.startswith("--") else word for word in text.split(" ")]
    return " ".join(words).replace("|", "\\|").replace("<", "&lt;").replace("[", "\\[")
