"""Pages made from the code: one per paper, one per module of the package."""

from __future__ import annotations

import ast
import pkgutil
from pathlib import Path
from typing import Any

import imggen

METHOD_TITLES = {"dcgan": "DCGAN", "vae": "VAE"}


def modules() -> list[str]:
    """All public modules of imggen, methods apart."""
    found = pkgutil.walk_packages(imggen.__path__, "imggen.")
    return [m.name for m in found if not m.name.startswith("imggen.methods.")]


def methods() -> list[str]:
    """The modules that are papers."""
    folder = [str(Path(path) / "methods") for path in imggen.__path__]
    return [module.name for module in pkgutil.iter_modules(folder)]


def summary(module: str) -> str:
    """First line of a module's docstring, without importing it."""
    base = Path(imggen.__path__[0]).parent / module.replace(".", "/")
    path = base.with_suffix(".py") if base.with_suffix(".py").exists() else base / "__init__.py"
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return docstring.split("\n\n", 1)[0].replace("\n", " ")


def pages() -> dict[str, str]:
    """Markdown of the generated pages by their place in docs/."""
    made = {}
    for name in methods():
        made[f"methods/{name}.md"] = (
            f"# {METHOD_TITLES.get(name, name)}\n\n::: imggen.methods.{name}\n"
            "    options:\n      show_root_toc_entry: false\n      show_source: true\n"
            "      heading_level: 1\n"
        )
    for name in modules():
        made[f"reference/{name}.md"] = (
            f"# {name}\n\n::: {name}\n    options:\n      show_root_toc_entry: false\n"
        )
    lines = ["# Reference", "", "| module | what it is |", "|---|---|"]
    lines += [f"| [`{name}`]({name}.md) | {summary(name)} |" for name in modules()]
    made["reference/index.md"] = "\n".join(lines) + "\n"
    lines = [
        "# Methods",
        "",
        "One file per paper. Each page is that file: its docstring, then code.",
        "",
    ]
    lines += [
        f"- [{METHOD_TITLES.get(name, name)}]({name}.md): {summary(f'imggen.methods.{name}')}"
        for name in methods()
    ]
    made["methods/index.md"] = "\n".join(lines) + "\n"
    return made


def add_to_nav(config: Any) -> None:
    """Fills the sections Methods and Reference of the navigation."""
    made = pages()
    for section in config.nav or []:
        for title, entries in section.items():
            prefix = {"Methods": "methods/", "Reference": "reference/"}.get(title)
            if prefix and isinstance(entries, list):
                known = {entry for entry in entries if isinstance(entry, str)}
                entries += sorted(u for u in made if u.startswith(prefix) and u not in known)
