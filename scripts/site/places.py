"""Where pages are, and which are about a work: for links in HTML, which MkDocs leaves alone."""

from __future__ import annotations

import functools
import html
import json
import os
import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import generators
import method_pages
from bibliography import Works


class Place(NamedTuple):
    """A page: its title, and its address from the root of the site."""

    title: str
    address: str


def place(docs: Path, uri: str, text: str | None = None) -> Place:
    """The place of the page that is written in docs/`uri`."""
    text = (docs / uri).read_text(encoding="utf-8") if text is None else text
    named = re.search(r"^(?:title: *|# )(.+?)(?: *\{.*\})?$", text, re.MULTILINE)
    title = named[1].strip("\"' ") if named else uri
    if uri.startswith("blog/posts/"):
        return Place(title, f"{generators.address(PurePosixPath(uri), text)}/")
    folder = PurePosixPath(uri).with_suffix("")
    folder = folder.parent if folder.name == "index" else folder
    return Place(title, "" if folder == PurePosixPath() else f"{folder}/")


def links(places: Iterable[Place], here: str, anchor: str = "") -> str:
    """HTML links to places as seen from the page at `here`."""
    return ", ".join(
        f'<a href="{os.path.relpath(found.address or ".", here)}/{anchor}">'
        f"{html.escape(found.title)}</a>"
        for found in places
    )


@functools.cache
def _implemented(docs: Path) -> dict[str, tuple[Place, ...]]:
    """By arXiv id: the page of our file, then the posts that train it."""
    posts = _posts(docs)
    found: dict[str, tuple[Place, ...]] = {}
    for paper in method_pages.papers():
        page = Place(f"imggen/methods/{paper.path.name}", f"methods/{paper.name}/")
        for eprint in re.findall(r"arxiv\.org/abs/([\d.]+\d)", paper.origin):
            found.setdefault(eprint, (page, *posts.get(paper.name, {}).values()))
    return found


def _posts(docs: Path) -> dict[str, dict[str, Place]]:
    """By method: the posts with a card of an experiment that trained it."""
    found: dict[str, dict[str, Place]] = defaultdict(dict)
    for slug, post in generators.posts(docs).items():
        path = docs / "assets" / "experiments" / slug / "manifest.json"
        method = json.loads(path.read_text(encoding="utf-8")).get("method") if path.exists() else ""
        module = str(method or "").partition(":")[0].rpartition(".")[2]
        if module:
            found[module].setdefault(post.file, place(docs, post.file))
    return found


def ours(docs: Path, works: Works) -> dict[str, tuple[Place, ...]]:
    """By key: where this site implements the work."""
    known = _implemented(docs)
    found = ((key, known.get(work.field("eprint"), ())) for key, work in works.items())
    return {key: places for key, places in found if places}
