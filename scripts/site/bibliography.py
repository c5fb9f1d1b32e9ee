"""Citations and the bibliography page, from docs/references.bib."""

from __future__ import annotations

import functools
import html
import re
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from pybtex.database import BibliographyData, Entry, parse_file
from pybtex.richtext import Text

CITATION = re.compile(r"\[@([\w:-]+(?:; ?@[\w:-]+)*)\]")
FENCE = re.compile(r"(```.*?```|`[^`\n]+`)", re.DOTALL)


@functools.cache
def _parse(path: Path, changed: float) -> BibliographyData:
    return parse_file(str(path))


def load(path: Path) -> BibliographyData:
    """The parsed .bib file, parsed again only when it changed."""
    return _parse(path, path.stat().st_mtime)


def plain(text: str) -> str:
    """LaTeX markup of a .bib field as plain text."""
    return str(Text.from_latex(text))


def surnames(entry: Entry) -> list[str]:
    """The authors' last names."""
    people = entry.persons.get("author", [])
    return [plain(" ".join([*p.prelast_names, *p.last_names])) for p in people]


def label(entry: Entry) -> str:
    """Author and year as one cites them: Radford et al., 2016."""
    names = surnames(entry) or [plain(entry.fields.get("organization", entry.fields["title"]))]
    who = names[0] if len(names) == 1 else f"{names[0]} and {names[1]}"
    who = f"{names[0]} et al." if len(names) > 2 else who
    return f"{who}, {entry.fields.get('year', 'n.d.')}"


def address(entry: Entry) -> str | None:
    """Where to read it: arXiv, else DOI, else the url field."""
    if "eprint" in entry.fields:
        return f"https://arxiv.org/abs/{entry.fields['eprint']}"
    if "doi" in entry.fields:
        return f"https://doi.org/{entry.fields['doi']}"
    return entry.fields.get("url")


def reference(entry: Entry) -> str:
    """One line of HTML: authors, year, linked title, venue, arXiv id."""
    names = surnames(entry) or [plain(entry.fields.get("organization", ""))]
    shown = ", ".join(names[:6]) + (" et al." if len(names) > 6 else "")
    title, link = html.escape(plain(entry.fields["title"])), address(entry)
    title = f'<a href="{html.escape(link)}">{title}</a>' if link else title
    fields = ("booktitle", "journal", "howpublished", "institution")
    venue = next((plain(entry.fields[f]) for f in fields if f in entry.fields), "")
    parts = [f"{html.escape(shown)} ({entry.fields.get('year', 'n.d.')}).", f"{title}."]
    if venue:
        parts.append(f"<em>{html.escape(venue)}</em>.")
    if "eprint" in entry.fields:
        parts.append(f"arXiv:{entry.fields['eprint']}.")
    return " ".join(parts)


def cite(markdown: str, bib: BibliographyData, page: Any) -> str:
    """Replaces [@key] outside code by links, and lists what was cited at the end of the page."""
    cited: dict[str, None] = {}

    def links(match: re.Match[str]) -> str:
        shown = []
        for key in re.split(r"; ?", match[1]):
            key = key.lstrip("@")
            if key not in bib.entries:
                raise PluginError(f"{page.file.src_uri} cites {key}, which references.bib lacks")
            cited[key] = None
            shown.append(f'<a class="cite" href="#ref-{key}">{label(bib.entries[key])}</a>')
        return f"({'; '.join(shown)})"

    parts = FENCE.split(markdown)
    parts[::2] = [CITATION.sub(links, part) for part in parts[::2]]
    markdown = "".join(parts)
    if not cited:
        return markdown
    entries = sorted(cited, key=lambda key: label(bib.entries[key]).lower())
    items = [f'<li id="ref-{key}">{reference(bib.entries[key])}</li>' for key in entries]
    title = "Références" if page.meta.get("lang") == "fr" else "References"
    return f'{markdown}\n\n## {title}\n\n<ul class="references">\n' + "\n".join(items) + "\n</ul>\n"


def page(bib: BibliographyData) -> str:
    """The whole bibliography, oldest first, grouped by year."""
    by_year: dict[str, list[str]] = {}
    for entry in bib.entries.values():
        by_year.setdefault(entry.fields.get("year", "n.d."), []).append(reference(entry))
    lines = [
        "# Bibliography",
        "",
        f"{len(bib.entries)} works, by year. The file is "
        "[references.bib](references.bib); posts cite it.",
    ]
    for year in sorted(by_year):
        lines += ["", f"## {year}", "", '<ul class="references">']
        lines += [f"<li>{item}</li>" for item in sorted(by_year[year])]
        lines += ["</ul>"]
    return "\n".join(lines) + "\n"
