"""Pages made from the code: one per paper, one per module of the package."""

from __future__ import annotations

import ast
import pkgutil
from pathlib import Path
from typing import Any

import method_pages

import imggen


def modules() -> list[str]:
    """All public modules of imggen, methods apart."""
    found = pkgutil.walk_packages(imggen.__path__, "imggen.")
    return [m.name for m in found if not m.name.startswith("imggen.methods.")]


def summary(module: str) -> str:
    """First line of a module's docstring, without importing it."""
    base = Path(imggen.__path__[0]).parent / module.replace(".", "/")
    path = base.with_suffix(".py") if base.with_suffix(".py").exists() else base / "__init__.py"
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return docstring.split("\n\n", 1)[0].replace("\n", " ")


def pages() -> dict[str, str]:
    """Markdown of the generated pages by their place in docs/."""
    made = method_pages.pages({name: f"reference/{name}.md" for name in modules()})
    for name in modules():
        made[f"reference/{name}.md"] = (
            f"# {name}\n\n::: {name}\n    options:\n      show_root_toc_entry: false\n"
        )
    lines = ["# Reference", "", "| module | what it is |", "|---|---|"]
    lines += [f"| [`{name}`]({name}.md) | {summary(name)} |" for name in modules()]
    made["reference/index.md"] = "\n".join(lines) + "\n"
    return made


def add_to_nav(config: Any) -> None:
    """Fills the sections Methods and Reference of the navigation."""
    made = pages()
    for section in config.nav or []:
        for title, entries in section.items():
            prefix = {"Methods": "methods/", "Reference": "reference/"}.get(title)
            if prefix and isinstance(entries, list):
                known = {entry for entry in entries if isinstance(entry, str)}
                found = [u for u in made if u.startswith(prefix) and u.endswith(".md")]
                entries += [u for u in found if u not in known]
