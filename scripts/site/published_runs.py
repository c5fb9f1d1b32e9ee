"""Macros that render published experiments as a page needs them: figures, tables and cards."""

from __future__ import annotations

import functools
import html
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, cast

import cards
import figures
import generators
import glossary
import languages
import likelihood_tables
import metric_tables
import results_figures
import results_table
import slide_pages
from drawings import catalogue as drawn
from macro import MacroError, departures
from published_files import PublishedFiles

from imggen.evaluation.catalogue import LEGEND
from imggen.publishing.status import status
from imggen.system.files import Json

if TYPE_CHECKING:
    from mkdocs.structure.pages import Page

NUMBERS = (
    "value",
    "floor",
    "perfect",
    "fact",
    "flops",
    "rung",
    "trained",
    "latent",
    "liked",
    "traded",
    "climbed",
    "timed",
)
"""Macros that give a number, which French writes with a comma."""


@functools.cache
def _status(docs: Path) -> dict[str, Json]:
    return {row["slug"]: row for row in status(docs.parent, docs)}


@dataclass
class Site(PublishedFiles):
    """The published experiments as one page sees them."""

    page: Page

    def macro(self, name: str, arguments: list[str]) -> str:
        """The Markdown or HTML of one macro. Raises: MacroError."""
        if name in figures.KINDS:
            return self.figure(name, *arguments)
        made: dict[str, Callable[..., str]] = {
            "metrics": self.metrics,
            "value": self.value,
            "floor": self.floor,
            "perfect": self.perfect,
            "fact": self.fact,
            "flops": self.flops,
            "read": self.read,
            "card": self.card,
            "departures": departures,
            "results": self.results,
            "likelihoods": self.likelihoods,
            "pictures": self.pictures,
            "audit": self.audit,
            "rung": self.rung,
            "versus": self.versus,
            "faults": self.faults,
            "struck": self.struck,
            "promises": self.promises,
            "timed": self.timed,
            "trainings": self.trainings,
            "spread": self.spread,
            "trained": self.trained,
            "likes": self.likes,
            "liked": self.liked,
            "latents": self.latents,
            "latent": self.latent,
            "traded": self.traded,
            "climbed": self.climbed,
            "climb": self.climb,
            "drawing": partial(drawn.macro, self.page.meta.get("lang", "en")),
            "slides": self.slides,
            "datasets": self.datasets,
            "glossary": lambda: glossary.markdown(self.link),
        }
        if name not in made:
            raise MacroError(f"no macro is called {name}")
        found = made[name](*arguments)
        return languages.french_number(found) if self.french and name in NUMBERS else found

    @property
    def french(self) -> bool:
        """Whether the page is in French."""
        return bool(self.page.meta.get("lang") == "fr")

    def link(self, target: str) -> str:
        """Relative address from this page's Markdown file to a file of docs/."""
        return os.path.relpath(target, PurePosixPath(self.page.file.src_uri).parent)

    def url(self, target: str) -> str:
        """Relative address from this page's place on the site, for raw HTML."""
        return os.path.relpath(target, str(PurePosixPath(self.page.url or "./")) or ".")

    def figure(self, kind: str, slug: str) -> str:
        """A figure with its caption, and the manifest one click away."""
        manifest = self.load(slug, "manifest.json")
        file, caption = figures.KINDS[kind]
        if file not in manifest["files"]:
            raise MacroError(f"{slug} has no {file}")
        folder = f"assets/experiments/{slug}"
        width, height = figures.size(self.docs / folder / file)
        stop = "" if manifest["title"].endswith("?") else "."
        title = f"{manifest['title']}{stop} {caption}"
        if self.french:
            title = languages.captioned(manifest["title"], kind, caption)
        shown, moves = file, ""
        if file.endswith(".gif"):
            shown = figures.still_of(file)
            moves = f' data-moves="{self.url(f"{folder}/{file}")}"'
        lazy = "" if self.is_first(f"{kind} {slug}") else " loading=lazy"
        picture = (
            f"![{title}]({self.link(f'{folder}/{shown}')}){{ width={width} height={height}{lazy} }}"
        )
        if file.endswith(".svg") and width > figures.PHONE:
            picture = f'<span class="wide" tabindex="0" style="--points: {width}">{picture}</span>'
        return (
            f'<figure markdown="span" class="run {kind}"{moves}>\n{picture}\n'
            f'<figcaption markdown="span">{title} '
            f"[{languages.MADE['fr' if self.french else 'en']}]({self.card_link(slug)})."
            "</figcaption>\n</figure>"
        )

    def is_first(self, macro: str) -> bool:
        """Whether a figure is the page's first one, which a reader sees at once."""
        kinds = "|".join(figures.KINDS)
        found = re.search(rf"\{{\{{ ?((?:{kinds}) [\w-]+)", self.page.markdown or "")
        return found is not None and found[1] == macro

    def card_link(self, slug: str) -> str:
        """To the card of an experiment: on this page, else in the post that has it.

        Raises: MacroError when no page shows it.
        """
        if f"card {slug} " in (self.page.markdown or ""):
            return f"#made-{slug}"
        if post := generators.posts(self.docs).get(slug):
            return f"{self.link(post.file)}#made-{slug}"
        raise MacroError(f"no post has the card of {slug}: a figure must lead to it")

    def metrics(self, slug: str) -> str:
        """Table of value, interval and floor."""
        result = self.scores(slug)
        first, rest = (metric_tables.rows(result["metrics"], folded) for folded in (False, True))
        real, features = result["real"], result["features"]
        note = (
            f"{result['protocol']['n']:,} samples against as many images of {real['name']}:"
            f"{real['split']}; features: {features['name']} "
            f"({features.get('details') or 'raw pixels'}). "
            f"The floor is the same metric between training and test images. {LEGEND}. "
            f"[Protocol]({self.link('protocol.md')})."
        )
        lines = [*first, "", f"<small markdown>{note}</small>", ""]
        if rest:
            lines += ['??? note "More metrics"', "", *(f"    {row}" for row in rest), ""]
        return "\n".join(lines)

    def badge(self, slug: str, short: bool = False) -> str:
        """Whether today's code would make this again, and unless `short` why not."""
        row = _status(self.docs).get(slug)
        state = row["state"] if row else "no script"
        reasons = html.escape("; ".join(row["reasons"])) if row else "its experiment is gone"
        shown = f"{state}: {reasons}" if reasons and not short else state
        return f'<span class="badge {state.replace(" ", "-")}">{shown}</span>'

    def card(self, slug: str) -> str:
        """How the figures of an experiment were made, and how to make them again."""
        m = self.load(slug, "manifest.json")
        commit = m["git"]["commit"]
        rows = {
            "again": f"`python {m['command'].split()[1]}`",
            "state": self.badge(slug),
            "device": html.escape(m["device"]),
            **cards.about_training(m),
            **cards.about_data(m["dataset"]),
            "seed": str(m["seed"]),
            "code": f"commit `{(commit or 'unknown')[:10]}`"
            + (" with local changes" if m["git"]["dirty"] else ""),
            "packages": ", ".join(f"{k} {v}" for k, v in m["packages"].items()),
            "files": cards.downloads(m["files"], partial(self.file_link, slug)),
        }
        lines = [f'<a id="made-{slug}"></a>', "", f'??? made "How this was made: {m["title"]}"', ""]
        lines += ["    | what | value |", "    |---|---|"]
        lines += [f"    | {key} | {value} |" for key, value in rows.items()]
        return "\n".join(lines) + "\n"

    def file_link(self, slug: str, name: str) -> str:
        """Relative address of a file of a published experiment."""
        return self.link(f"assets/experiments/{slug}/{name}")

    def datasets(self, which: str) -> str:
        """Datasets with a published generator (`there`), or those the report asked for without."""
        found = generators.published(self.docs)
        there, missing = generators.datasets_asked(each.dataset for each in found)
        names = generators.DATASETS | (languages.DATASETS if self.french else {})
        chosen = missing if which == "missing" else [names.get(name, name) for name in there]
        return ", ".join(chosen) or ("aucune" if self.french else "none")

    def slides(self, slug: str, language: str) -> str:
        """The slides of the defence, in one language."""
        folder = f"assets/experiments/{slug}"
        deck = cast(slide_pages.Deck, self.load(slug, slide_pages.FILE).get(language))
        return slide_pages.page(
            deck,
            language,
            lambda name: self.url(f"{folder}/{name}"),
            lambda name: figures.size(self.docs / folder / name),
        )

    def results(self) -> str:
        """The table of all published generators, dataset by dataset."""
        page = results_table.Page(self.docs, self.url, partial(self.badge, short=True))
        return page.html(generators.published(self.docs, self.scores))

    def likelihoods(self) -> str:
        """The published likelihoods, each with what it is: nats and bits in tables apart."""

        def titled(generator: generators.Generator) -> str:
            name, post = (
                generator.manifest["title"],
                generators.posts(self.docs).get(generator.slug),
            )
            shown = f"[{name}]({self.link(post.file)}#made-{generator.slug})" if post else name
            badge = self.badge(generator.slug, short=True)
            return shown if ">fresh<" in badge else f"{shown} {badge}"

        found = generators.published(self.docs, self.scores)
        return likelihood_tables.tables(found, titled)

    def pictures(self, dataset: str) -> str:
        """The pictures of the table's part about one dataset, leading to its rows."""
        found = generators.grouped(generators.published(self.docs, self.scores))
        group = next((group for group in found if group.anchor == dataset), None)
        if group is None:
            raise MacroError(f"the table has no part called {dataset}")
        return results_figures.elsewhere(group, self.url("results/"))
