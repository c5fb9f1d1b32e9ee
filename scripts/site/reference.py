"""Pages made from the code: one per paper, one per module of the package, room by room."""

from __future__ import annotations

import ast
import json
import pkgutil
from pathlib import Path
from typing import Any

import method_pages

import imggen

ROOMS = (
    *(
        "cli",
        "sweep",
        "experiment",
        "studies",
        "launch",
        "evaluation",
        "training",
        "publishing",
        "features",
    ),
    *("runs", "data", "methods", "metrics", "drawing", "nn", "system"),
)
"""From the highest room to the lowest, as they are told in docs/contributing.md."""

FRONT = "---\nsearch:\n  exclude: true\ndescription: {}\n---\n\n"
"""Module pages would be most of the search index, which every page loads; their index is found."""


def modules() -> list[str]:
    """All public modules of imggen, papers apart; of rooms only the one that says something."""
    found = pkgutil.walk_packages(imggen.__path__, "imggen.")
    left_out = ("imggen.methods.", "imggen.__main__")
    files = [m.name for m in found if not m.ispkg and not m.name.startswith(left_out)]
    return sorted([*files, "imggen.methods"], key=lambda name: (ROOMS.index(room_of(name)), name))


def front(said: str) -> str:
    """The head of a page of a module that says so much of itself."""
    return FRONT.format(json.dumps(said, ensure_ascii=False))


def room_of(module: str) -> str:
    """The room that a module lies in: imggen.runs.folder -> runs."""
    return module.split(".")[1]


def summary(module: str) -> str:
    """First line of a module's docstring, without importing it."""
    base = Path(imggen.__path__[0]).parent / module.replace(".", "/")
    path = base.with_suffix(".py") if base.with_suffix(".py").exists() else base / "__init__.py"
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return docstring.split("\n\n", 1)[0].replace("\n", " ")


def pages() -> dict[str, str]:
    """Markdown of the generated pages by their place in docs/."""
    summaries = {name: summary(name) for name in modules()}
    made = method_pages.pages({name: f"reference/{name}.md" for name in summaries})
    for name, said in summaries.items():
        made[f"reference/{name}.md"] = (
            f"{front(said)}# {name}\n\n::: {name}\n    options:\n      show_root_toc_entry: false\n"
        )
    made["reference/index.md"] = index(summaries)
    return made


def index(summaries: dict[str, str]) -> str:
    """Tables of all modules and what they say of themselves, one a room."""
    lines = ["# Reference", "", "Room by room; [how it is built](../contributing.md) says more."]
    for room, names in by_room(list(summaries)).items():
        lines += ["", f"## {room}", "", summary(f"imggen.{room}"), ""]
        lines += ["| module | what it is |", "|---|---|"]
        lines += [f"| [`{name}`]({name}.md) | {summaries[name]} |" for name in names]
    return "\n".join(lines) + "\n"


def by_room(names: list[str]) -> dict[str, list[str]]:
    """Modules by the room that they lie in, in their order."""
    rooms: dict[str, list[str]] = {}
    for name in names:
        rooms.setdefault(room_of(name), []).append(name)
    return rooms


def add_to_nav(config: Any) -> None:
    """Fills the sections Methods and Reference of the navigation."""
    papers = ["methods/index.md", *(f"methods/{p.name}.md" for p in method_pages.papers())]
    rooms = by_room(modules())
    found: dict[str, list[Any]] = {
        "Methods": papers,
        "Reference": [{room: [f"reference/{n}.md" for n in rooms[room]]} for room in rooms],
    }
    for section in config.nav or []:
        for title, entries in section.items():
            if title in found and isinstance(entries, list):
                entries += [entry for entry in found[title] if entry not in entries]
