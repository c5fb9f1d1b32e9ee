"""The page of all works, family by family."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping

from bibliography import Work, Works
from bibliography_rules import FAMILIES
from method_pages import ACTIVE
from places import Place, links

HERE = "bibliography/"
FRONT = """---
description: Every work that this site cites, by family, with what each contributed.
---

# Bibliography

"""


def page(
    works: Works,
    cited: Mapping[str, Iterable[Place]],
    made: Mapping[str, Iterable[Place]],
    how: str,
) -> str:
    """Markdown of the page; `cited` and `made` are the pages that cite and implement a work, `how`
    says how to cite this site."""
    by_family = {
        name: [w for w in works.values() if w.field("family") == name] for name in FAMILIES
    }
    jumps = " · ".join(
        f"[{FAMILIES[name]}](#{name}) ({len(found)})" for name, found in by_family.items() if found
    )
    parts = [
        FRONT,
        f"{len(works)} works, each with the one thing that it contributed, as we read it. The file "
        "is [references.bib](references.bib); its [rules](contributing.md#a-work-that-is-cited) "
        "are checked at every build. [The timeline](state-of-the-art/timeline.md) shows what "
        f"builds on what. [Cite this site](#cite-this-site).\n\n{jumps}\n{{ .jump }}\n",
    ]
    for name, found in by_family.items():
        if found:
            items = "\n".join(
                item(work, cited.get(work.key, ()), made.get(work.key, ())) for work in found
            )
            parts.append(f"\n## {FAMILIES[name]} {{ #{name} }}\n\n")
            parts.append(f'<ul class="references works">\n{items}\n</ul>\n')
    parts.append(f"\n## Cite this site\n\nA post says at its end how to cite it alone.\n\n{how}")
    return "".join(parts)


def item(work: Work, cited: Iterable[Place], made: Iterable[Place]) -> str:
    """One work: the reference, what it contributed, where the site uses it, and its BibTeX."""
    uses = {
        "Cited in": links(cited, HERE, f"#ref-{work.key}"),
        "Made here": links(made, HERE),
    }
    used = " · ".join(f"{name}: {where}" for name, where in uses.items() if where)
    note = f" {work.field('note')}." if work.field("note") else ""
    return (
        f'<li id="ref-{work.key}">{work.reference()}'
        f'<span class="about">{html.escape(work.field("annotation"))}{html.escape(note)}</span>'
        + (f'<span class="uses">{used}</span>' if used else "")
        + '<details class="bib" data-search-exclude><summary>BibTeX</summary>'
        f"<pre>{html.escape(work.bibtex()).translate(ACTIVE)}</pre>"
        "<small>Title, authors and year were read here: "
        f"{html.escape(work.field('verified'))}.</small></details></li>"
    )
