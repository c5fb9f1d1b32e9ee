"""Works that the site cites, from docs/references.bib, and how they are cited."""

from __future__ import annotations

import functools
import html
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from bibliography_rules import OURS, problems
from mkdocs.exceptions import PluginError
from pybtex.database import Entry, parse_file
from pybtex.richtext import Text

CITATION = re.compile(r"\[@([\w:-]+(?:; ?@[\w:-]+)*)\]")
FENCE = re.compile(r"(```.*?```|`[^`\n]+`)", re.DOTALL)
VENUES = ("booktitle", "journal", "howpublished", "institution")
WORDS = {
    "en": {"and": "and", "undated": "n.d.", "title": "References"},
    "fr": {"and": "et", "undated": "s.d.", "title": "Références"},
}


@functools.cache
def plain(text: str) -> str:
    """LaTeX markup of a .bib field as plain text."""
    return str(Text.from_latex(text))


@dataclass(frozen=True)
class Work:
    """One entry; `letter` tells it from others of the same authors and year."""

    key: str
    entry: Entry
    letter: str = ""

    def field(self, name: str) -> str:
        """A field as plain text, empty where there is none."""
        return plain(self.entry.fields.get(name, ""))

    @functools.cached_property
    def surnames(self) -> list[str]:
        """The authors' last names; an organization where no person is named."""
        people = self.entry.persons.get("author", [])
        names = [plain(" ".join([*p.prelast_names, *p.last_names])) for p in people]
        return names or [self.field("organization")]

    def who(self, lang: str = "en") -> str:
        """The authors as one cites them: Radford et al."""
        first, *others = self.surnames
        if not others:
            return first
        if len(others) > 1 or others == ["others"]:
            return f"{first} et al."
        return f"{first} {WORDS[lang]['and']} {others[0]}"

    def year(self, lang: str = "en") -> str:
        """The year with its letter: 2021a."""
        return (self.field("year") or WORDS[lang]["undated"]) + self.letter

    def label(self, lang: str = "en") -> str:
        """Authors and year: Radford et al., 2016."""
        return f"{self.who(lang)}, {self.year(lang)}"

    @property
    def address(self) -> str:
        """Where to read it: arXiv, else DOI, else the url field."""
        fields = self.entry.fields
        if "eprint" in fields:
            return f"https://arxiv.org/abs/{fields['eprint']}"
        return f"https://doi.org/{fields['doi']}" if "doi" in fields else str(fields["url"])

    @property
    def venue(self) -> str:
        """Where it appeared."""
        return next(filter(None, map(self.field, VENUES)), "")

    @property
    def builds_on(self) -> list[str]:
        """Keys of the works that this one builds on."""
        return [key for key in re.split(r",\s*", self.entry.fields.get("builds_on", "")) if key]

    def reference(self, lang: str = "en") -> str:
        """One line of HTML: authors, year, linked title, venue, arXiv id."""
        names = [name for name in self.surnames if name != "others"]
        more = len(names) > 6 or len(names) < len(self.surnames)
        shown = ", ".join(names[:6]) + (" et al." if more else "")
        title = f'<a href="{html.escape(self.address)}">{html.escape(self.field("title"))}</a>'
        title += "" if self.field("title").endswith(("?", "!")) else "."
        parts = [f"{html.escape(shown)} ({self.year(lang)}).", title]
        if self.venue != "arXiv":
            parts.append(f"<em>{html.escape(self.venue)}</em>.")
        parts += [f"arXiv:{self.field('eprint')}."] if self.field("eprint") else []
        return " ".join(parts)

    def bibtex(self) -> str:
        """The entry for a .bib file of the reader's, without the fields that only this site has."""
        people = " and ".join(map(str, self.entry.persons.get("author", [])))
        fields = {"author": people} if people else {}
        fields |= {k: v for k, v in self.entry.fields.items() if k.lower() not in OURS}
        lines = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items())
        return f"@{self.entry.type}{{{self.key},\n{lines}\n}}"


Works = dict[str, Work]


@functools.cache
def _load(path: Path, changed: float) -> Works:
    found = problems(path)
    if found:
        raise PluginError("\n".join(found))
    plainly = {key: Work(key, entry) for key, entry in parse_file(str(path)).entries.items()}
    alike: dict[str, list[Work]] = defaultdict(list)
    for work in plainly.values():
        alike[work.label()].append(work)
    letters = {
        work.key: "abcdefghijklmnopqrstuvwxyz"[place]
        for works in alike.values()
        if len(works) > 1
        for place, work in enumerate(sorted(works, key=lambda work: work.field("title").lower()))
    }
    return {key: Work(key, work.entry, letters.get(key, "")) for key, work in plainly.items()}


def load(path: Path) -> Works:
    """The works by key, read again when the file changed. Raises: PluginError, by its rules."""
    return _load(path, path.stat().st_mtime)


class Citation(NamedTuple):
    """Where a page names a key."""

    key: str
    line: int


def citations(markdown: str) -> Iterator[Citation]:
    """The citations of a page outside code, in their order."""
    line = 1
    for number, part in enumerate(FENCE.split(markdown)):
        for match in CITATION.finditer(part) if number % 2 == 0 else ():
            at = line + part.count("\n", 0, match.start())
            yield from (Citation(key.lstrip("@"), at) for key in re.split(r"; ?", match[1]))
        line += part.count("\n")


def citing(pages: Iterable[tuple[str, str]], works: Works) -> dict[str, list[str]]:
    """By key: the pages that cite it, of all (page, Markdown).

    Raises: PluginError that lists unknown keys, and works that no reader would find: each is cited
    by a page or, with the field `short`, shown on the timeline.
    """
    found: dict[str, list[str]] = defaultdict(list)
    wrong = []
    for uri, markdown in pages:
        for key, line in citations(markdown):
            if key not in works:
                wrong.append(
                    f"docs/{uri}:{line}: cites {key}, which docs/references.bib lacks: "
                    "correct the key, or add the work"
                )
            elif uri not in found[key]:
                found[key].append(uri)
    wrong += [
        f"docs/references.bib: no page cites {key}: cite it as [@{key}], or give it a field "
        "`short` and the timeline shows it, or remove it"
        for key in works
        if not found.get(key) and not works[key].field("short")
    ]
    if wrong:
        raise PluginError("\n".join(wrong))
    return found


def cite(markdown: str, works: Works, page: Any) -> str:
    """Replaces [@key] outside code by links, and lists what was cited at the end of the page."""
    lang = "fr" if page.meta.get("lang") == "fr" else "en"
    cited: dict[str, None] = {}

    def links(match: re.Match[str]) -> str:
        keys = [key.lstrip("@") for key in re.split(r"; ?", match[1])]
        cited.update(dict.fromkeys(keys))
        shown = (
            f'<a class="cite" href="#ref-{key}">{html.escape(works[key].label(lang))}</a>'
            for key in keys
        )
        return f"({'; '.join(shown)})"

    parts = FENCE.split(markdown)
    parts[::2] = [CITATION.sub(links, part) for part in parts[::2]]
    markdown = "".join(parts)
    if not cited:
        return markdown
    listed = sorted((works[key] for key in cited), key=lambda work: work.label(lang).lower())
    items = "\n".join(
        f'<li id="ref-{work.key}" data-about="{html.escape(work.field("annotation"))}">'
        f"{work.reference(lang)}</li>"
        for work in listed
    )
    title = WORDS[lang]["title"]
    return f'{markdown}\n\n## {title}\n\n<ul class="references">\n{items}\n</ul>\n'
