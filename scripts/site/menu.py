"""The list of posts in the menu, which Material's blog leaves empty: on a phone a post's menu is
this list."""

from __future__ import annotations

import functools
import html
import os
import re
from pathlib import Path, PurePosixPath

FRONT = re.compile(r"\A---\n(.*?)\n---\n", re.DOTALL)
EMPTY = re.compile(
    r'(<label class="md-nav__title" for="__nav_\d+">\s*<span class="md-nav__icon md-icon"></span>'
    r'\s*Posts\s*</label>\s*<ul class="md-nav__list" data-md-scrollfix>)\s*(</ul>)'
)


@functools.cache
def posts(docs: Path) -> list[tuple[str, str]]:
    """(address, title) of each post, the newest first."""
    found = []
    for path in (docs / "blog" / "posts").glob("*.md"):
        front = FRONT.match(path.read_text(encoding="utf-8"))
        meta = dict(re.findall(r"^(\w+): (.+)$", front[1] if front else "", re.MULTILINE))
        found.append((meta["date"], meta["slug"], meta["title"].strip('"')))
    return [(f"blog/{slug}/", title) for _, slug, title in sorted(found, reverse=True)]


def filled(page: str, url: str, docs: Path) -> str:
    """A page's HTML with the posts in its menu; `url` is the page's own address."""
    here = str(PurePosixPath(url or "./"))
    entries = "".join(
        f'<li class="md-nav__item"><a href="{os.path.relpath(target, here)}/" class="md-nav__link">'
        f'<span class="md-ellipsis">{html.escape(title)}</span></a></li>'
        for target, title in posts(docs)
    )
    return EMPTY.sub(rf"\g<1>{entries}\g<2>", page)
