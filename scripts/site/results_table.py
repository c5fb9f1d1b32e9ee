"""The table of results: a part for each dataset, a row for each published generator."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import cards
import results_files
from families import NAMES
from generators import Generator, Group, grouped, posts
from metric_tables import value_text
from results_figures import amount, figures, mark

from imggen.evaluation.catalogue import ARROWS, METRICS, SEES, TITLES, title
from imggen.evaluation.paired import SHOWN
from imggen.evaluation.report import number, with_interval

NOSCRIPT = "<noscript><style>.results-filter{display:none}</style></noscript>"
WORDS = {
    "lower": "lower is better",
    "higher": "higher is better",
    "floor": "near the floor is good",
}


@dataclass(frozen=True)
class Cell:
    """One value of a row: what is read, and by what it is sorted."""

    text: str
    value: float | str | None
    note: str = ""

    def html(self, first: bool) -> str:
        """The table's cell; the first of a block has a line at its left."""
        by = "" if self.value is None else f' data-value="{self.value}"'
        note = f"<small>{html.escape(self.note)}</small>" if self.note else ""
        return f"<td{' class=first' if first else ''}{by}>{self.text}{note}</td>"


@dataclass(frozen=True)
class Column:
    """One column: its title, the block that it stands in, and what it shows of a generator."""

    title: str
    block: str
    cell: Callable[[Generator], Cell]
    better: str = "lower"
    key: str = ""
    """The metric, of columns of metrics."""


def _metric(name: str) -> Callable[[Generator], Cell]:
    def cell(generator: Generator) -> Cell:
        entry = generator.metric(name)
        return Cell("–", None) if entry is None else Cell(value_text(name, entry), entry["value"])

    return cell


def device(name: str) -> str:
    """A device's name without what only its maker needs."""
    text = re.sub(r"\((?:R|TM)\)|\bProcessor\b|\bCPU\b|@.*?(?=,|$)", "", name)
    text = re.sub(r"\b1 threads", "1 thread", re.sub(r"\s+", " ", text))
    return text.replace(" ,", ",").strip()


def _passes(g: Generator) -> Cell:
    found = float(g.manifest["sampling"]["network_passes"])
    return Cell(f"{found:g}", found)


def _milliseconds(g: Generator) -> Cell:
    found = float(g.manifest["sampling"]["ms_per_image"])
    return Cell(number(found), found)


def _operations(g: Generator) -> Cell:
    found = float(g.manifest["sampling"]["flops_per_image"])
    return Cell(amount(found, "FLOP"), found)


def _images(g: Generator) -> Cell:
    seen, of = g.images_seen, g.manifest["dataset"]["images"]
    return Cell(amount(seen), seen, f"of {of:,}")


def _flops(g: Generator) -> Cell:
    found = float(g.manifest["training_flops"])
    return Cell(cards.flops_text(found), found)


def _minutes(g: Generator) -> Cell:
    seconds = float(g.manifest["wall_seconds"])
    return Cell(f"{seconds / 60:.0f}" if seconds >= 60 else f"{seconds / 60:.1f}", seconds)


def _device(g: Generator) -> Cell:
    trained, sampled = (device(m["device"]) for m in (g.manifest, g.manifest["sampling"]))
    note = "" if sampled == trained else f"one image: {sampled}"
    return Cell(html.escape(trained), html.escape(trained.lower()), note)


def _parameters(g: Generator) -> Cell:
    found = int(g.manifest["parameters"])
    return Cell(amount(found), found)


COLUMNS = (
    *(Column(title(name), SEES[METRICS[name].sees], _metric(name), METRICS[name].better, name)
      for name in SHOWN),
    Column("Network passes", "one image", _passes),
    Column("Operations", "one image", _operations),
    Column("ms", "one image", _milliseconds),
    Column("Images seen", "training", _images),
    Column("Operations", "training", _flops),
    Column("Minutes", "training", _minutes),
    Column("Parameters", "training", _parameters),
    Column("Device", "training", _device),
)  # fmt: skip
FIRST = {n for n, c in enumerate(COLUMNS) if n == 0 or c.block != COLUMNS[n - 1].block}
"""Numbers of the columns that begin a block."""


@dataclass(frozen=True)
class Page:
    """What the table needs to know about the site: where files are, and how fresh they are."""

    docs: Path
    url: Callable[[str], str]
    badge: Callable[[str], str]

    def html(self, found: Iterable[Generator]) -> str:
        """The whole table, with its filter, its files and its pictures."""
        groups = grouped(found)
        families = [
            n for n in NAMES if any(g.family == n for group in groups for g in group.members)
        ]
        count = sum(len(group.members) for group in groups)
        parts = [NOSCRIPT, self.filters(families, count), *map(self.group, groups)]
        # A blank line would end the block that Markdown leaves alone.
        text = "\n".join(parts)
        return f'<div class="results">\n{re.sub(chr(10) + "{2,}", chr(10), text)}\n</div>\n'

    def filters(self, families: list[str], count: int) -> str:
        """What a reader chooses by, gone where no script makes it work; and the files."""
        choices = "".join(
            f'<label><input type="radio" name="family" value="{html.escape(name)}"'
            f"{'' if name else ' checked'}>{mark(name) if name else ''}"
            f"<span>{html.escape(name or 'all')}</span></label>"
            for name in ("", *families)
        )
        return (
            '<form class="results-filter" role="search" data-search-exclude '
            'aria-label="Filter the generators">'
            f"<fieldset><legend>Family</legend>{choices}</fieldset>"
            '<label class="find"><span>Find</span> <input type="search" name="find" '
            'autocomplete="off" spellcheck="false" placeholder="name, paper, device"></label>'
            f'<output aria-live="polite" data-all="{count}">{count} generators</output></form>'
            '<p class="results-files">All numbers, every metric: '
            f'<a href="{self.url(results_files.CSV)}" download>CSV</a> '
            f'<a href="{self.url(results_files.JSON)}" download>JSON</a></p>'
        )

    def group(self, group: Group) -> str:
        """The part of one dataset."""
        result = group.members[0].result
        real, features = result["real"], result["features"]
        about = (
            f"{result['protocol']['n']:,} samples of each against as many images of "
            f"{real['name']}:{real['split']}; features: {features['name']}."
        )
        mixed = (
            ""
            if group.one_code
            else (
                '<p class="mixed">These rows do not all compare with one another: the code of the '
                "metrics differs; a row that is stale was measured by an older one.</p>"
            )
        )
        rows = "\n".join(map(self.row, group.members))
        return (
            f'<section class="dataset" aria-labelledby="{group.anchor}">\n'
            f'<h2 id="{group.anchor}">{html.escape(group.title)}</h2>\n'
            f"<p>{html.escape(about)}</p>\n{mixed}\n"
            f'<p class="hint">{len(COLUMNS)} columns: swipe or scroll sideways.</p>\n'
            f'<div class="results-scroll" role="region" tabindex="0" data-search-exclude '
            f'aria-label="Generators of {html.escape(group.title)}">\n'
            f'<table class="results-table">\n{head()}\n'
            f'<tbody class="floor">{floor(group)}</tbody>\n<tbody class="rows">\n{rows}\n</tbody>\n'
            f"</table>\n</div>\n{figures(group)}</section>"
        )

    def row(self, generator: Generator) -> str:
        """A generator: who it is, then a cell for each column."""
        slug, name = generator.slug, html.escape(generator.manifest["title"])
        post = posts(self.docs).get(slug)
        manifest = self.url(f"assets/experiments/{slug}/manifest.json")
        page = f"{self.url(post.address)}/" if post else ""
        made = f"{page}#made-{slug}" if post else manifest
        titled = f'<a href="{page}">{name}</a>' if post else f"<span>{name}</span>"
        badge = self.badge(slug)
        state = "" if ">fresh<" in badge else f" {badge}"
        cells = "".join(c.cell(generator).html(n in FIRST) for n, c in enumerate(COLUMNS))
        about = (slug, name, generator.family, generator.manifest["method"], generator.dataset,
                 generator.manifest["device"])  # fmt: skip
        return (
            f'<tr id="{slug}" data-family="{generator.family}" '
            f'data-find="{html.escape(" ".join(about).lower())}">'
            f'<th scope="row" data-value="{name.lower()}">{self.picture(generator)}'
            f'<span class="who">{titled}<small>{mark(generator.family)} {generator.family} · '
            f'<a href="{made}" aria-label="How {name} was made">how</a>'
            f"{state}</small></span></th>{cells}</tr>"
        )

    def picture(self, generator: Generator) -> str:
        """A few samples, with their size."""
        found = results_files.size(self.docs, generator)
        if found is None:
            return ""
        address = self.url(f"{results_files.THUMBS}/{generator.slug}.png")
        alt = f"Eight samples of {generator.manifest['title']}"
        return (
            f'<img src="{address}" width="{found[0]}" height="{found[1]}" loading="lazy" '
            f'alt="{html.escape(alt)}">'
        )


def head() -> str:
    """Two lines of headers: what columns have in common, and each one's own."""
    blocks = "".join(
        f'<th scope="colgroup" colspan="{len(list(columns))}">{block}</th>'
        for block, columns in groupby(COLUMNS, key=lambda column: column.block)
    )
    singles = "".join(
        f'<th scope="col" data-first="{"descending" if column.better == "higher" else "ascending"}"'
        f"{' class=first' if n in FIRST else ''}{_sorted_by(column)}>"
        f"<span>{html.escape(column.title)}{_arrow(column)}</span></th>"
        for n, column in enumerate(COLUMNS)
    )
    first = '<th scope="col" data-first="ascending"><span>Generator</span></th>'
    return f"<thead><tr><td></td>{blocks}</tr><tr>{first}{singles}</tr></thead>"


def _sorted_by(column: Column) -> str:
    return ' aria-sort="ascending"' if column.key == SHOWN[0] else ""


def _arrow(column: Column) -> str:
    if not column.key:
        return ""
    words, sign = WORDS[column.better], ARROWS[METRICS[column.key].better]
    return f'&nbsp;<abbr class="good" title="{words}">{sign}</abbr>'


def floor(group: Group) -> str:
    """The row of real training images, which nothing sorts."""
    cells = []
    for n, column in enumerate(COLUMNS):
        entry, first = group.floor(column.key) if column.key else None, n in FIRST
        if entry is None or entry.get("floor") is None:
            cells.append(Cell("", None).html(first))
            continue
        factor = TITLES[column.key].factor
        value = factor * (entry["floor"] or 0)
        low, high = (factor * end for end in entry.get("floor_interval", [value, value]))
        text, *ends = with_interval(value, low, high)
        shown = f'{text} <span class="interval">[{ends[0]}, {ends[1]}]</span>'
        cells.append(Cell(shown, None).html(first))
    about = "as many training images"
    return (
        f'<tr><th scope="row"><span class="who">Real images<small>{about}</small></span></th>'
        f"{''.join(cells)}</tr>"
    )
