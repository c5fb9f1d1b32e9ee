"""The page that shows the works in time: which builds on which, and what this site made of them."""

from __future__ import annotations

import html
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping

from bibliography import Work, Works
from bibliography_rules import FAMILIES, public_year
from places import Place, links

URI = "state-of-the-art/timeline.md"
HERE = "state-of-the-art/timeline/"
LANES = {
    "vae": "VAE",
    "gan": "GAN",
    "flow": "Flow",
    "autoregressive": "Autoregressive",
    "diffusion": "Diffusion",
    "one-step": "Few steps",
    "tokens": "Tokens",
    "text": "Text to image",
    "multimodal": "Multimodal",
    "evaluation": "Evaluation",
    "application": "Uses",
    "data": "Data",
    "method": "Building blocks",
}
"""The families by the names that fit beside a lane, top to bottom."""

FRONT = """---
hide: [navigation, toc]
wide: true
search:
  exclude: true
description: "Image generation, 2013 to 2026: what each work contributed, what it builds on."
---

# Timeline

"""
NOSCRIPT = (
    "<noscript><style>.timeline-filter,.timeline-board{display:none!important}"
    ".timeline-list{display:block!important}</style></noscript>"
)


def page(works: Works, made: Mapping[str, Iterable[Place]]) -> str:
    """Markdown of the page, from the works that have a short name."""
    shown = sorted(
        (work for work in works.values() if work.field("short")),
        key=lambda work: (public_year(work.entry), work.field("eprint") or "9999", work.key),
    )
    years = [public_year(work.entry) for work in shown]
    span = range(years[0], years[-1] + 1)
    return (
        f"{FRONT}{len(shown)} works by the year in which they became public (of their first arXiv "
        "version, where there is one), with what each contributed and what it builds on. On a wide "
        "screen arrows show it. With BibTeX they are in the [bibliography](../bibliography.md).\n\n"
        f'<div class="timeline">\n{NOSCRIPT}\n{_form(shown)}\n{_board(shown, span)}\n'
        f"{_list(shown, works, made)}\n</div>\n"
    )


def _form(shown: list[Work]) -> str:
    present = {work.field("family") for work in shown}
    choices = "".join(
        f'<label><input type="radio" name="family" value="{name}"> {title}</label>'
        for name, title in LANES.items()
        if name in present
    )
    return (
        '<form class="timeline-filter" role="search" aria-label="Filter the works">'
        '<fieldset><legend>Family</legend><label><input type="radio" name="family" value="" '
        f"checked> all</label>{choices}</fieldset>"
        '<label class="find"><span>Find</span><input type="search" name="find" '
        'placeholder="author, title, word"></label>'
        f'<output data-all="{len(shown)}">{len(shown)} works</output></form>'
    )


def _board(shown: list[Work], span: range) -> str:
    """Lanes by family, columns by year: every name has a place of its own."""
    cells: dict[tuple[str, int], list[Work]] = defaultdict(list)
    for work in shown:
        cells[work.field("family"), public_year(work.entry)].append(work)
    heads = "".join(f"<span>{year}</span>" for year in span)
    lanes = []
    for name, title in LANES.items():
        points = "".join(
            f'<div style="grid-column:{year - span[0] + 2}">'
            f"{''.join(map(_point, cells[name, year]))}</div>"
            for year in span
            if cells[name, year]
        )
        if points:
            lanes.append(
                f'<div class="lane" role="group" aria-label="{FAMILIES[name]}" '
                f'data-family="{name}"><span class="name" aria-hidden="true">{title}</span>'
                f"{points}</div>"
            )
    return (
        f'<div class="timeline-board" style="--years:{len(span)}">'
        f'<div class="years" aria-hidden="true"><span></span>{heads}</div>{"".join(lanes)}'
        '<svg class="arrows" aria-hidden="true"></svg>'
        '<div class="card" role="region" aria-live="polite" aria-label="The chosen work">'
        "<p>Point at a work, or move between works by the arrow keys.</p></div></div>"
    )


def _point(work: Work) -> str:
    about = f"{work.field('short')}, {public_year(work.entry)}"
    return (
        f'<button type="button" tabindex="-1" data-key="{html.escape(work.key)}" '
        f'data-bases="{html.escape(" ".join(work.builds_on))}" aria-label="{html.escape(about)}">'
        f"{html.escape(work.field('short'))}</button>"
    )


def _list(shown: list[Work], works: Works, made: Mapping[str, Iterable[Place]]) -> str:
    """The same in the order of time, for phones, for paper and for browsers without scripts."""
    by_year: dict[int, list[Work]] = defaultdict(list)
    for work in shown:
        by_year[public_year(work.entry)].append(work)
    jumps = " ".join(f'<a href="#y{year}">{year}</a>' for year in by_year)
    sections = "".join(
        f'<section><h2 id="y{year}">{year}</h2><ol>'
        + "".join(_entry(work, works, made.get(work.key, ())) for work in found)
        + "</ol></section>"
        for year, found in by_year.items()
    )
    return f'<div class="timeline-list"><nav aria-label="Years">{jumps}</nav>{sections}</div>'


def _entry(work: Work, works: Works, made: Iterable[Place]) -> str:
    find = " ".join([*work.surnames, *map(work.field, ("title", "short", "annotation"))])
    bases = ", ".join(_base(works[key]) for key in work.builds_on)
    more = {"Builds on": bases, "Made here": links(made, HERE)}
    said = "".join(f"<p><b>{name}</b> {what}</p>" for name, what in more.items() if what)
    name, title, about = (
        html.escape(work.field(field)) for field in ("short", "title", "annotation")
    )
    return (
        f'<li id="t-{html.escape(work.key)}" data-family="{work.field("family")}" '
        f'data-find="{html.escape(find.lower())}"><p><strong>{name}</strong> '
        f'<a href="{html.escape(work.address)}">{title}</a>. {html.escape(work.who())}, '
        f'{html.escape(work.venue)} {work.field("year")}.</p><p class="about">{about}</p>'
        f"{said}</li>"
    )


def _base(work: Work) -> str:
    """A link to a work that another builds on: on this page, where it is on the timeline."""
    if work.field("short"):
        return f'<a href="#t-{html.escape(work.key)}">{html.escape(work.field("short"))}</a>'
    there = os.path.relpath("bibliography", HERE)
    return f'<a href="{there}/#ref-{html.escape(work.key)}">{html.escape(work.label())}</a>'
