"""What must hold in docs/references.bib; each broken rule is a sentence that says what to do."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from difflib import SequenceMatcher
from itertools import combinations
from pathlib import Path

from pybtex.database import Entry, parse_string
from pybtex.exceptions import PybtexError

FAMILIES = {
    "vae": "Variational autoencoders",
    "gan": "Adversarial networks",
    "flow": "Flows and flow matching",
    "autoregressive": "Autoregressive models",
    "diffusion": "Diffusion and scores",
    "one-step": "Few steps and one",
    "tokens": "Tokens and latents",
    "text": "Text to image",
    "multimodal": "Multimodal models",
    "evaluation": "Evaluation",
    "application": "Uses",
    "data": "Data",
    "method": "Building blocks and statistics",
}
"""By the name in the field `family`: its title. The order is that of the pages."""

OURS = {"family", "annotation", "builds_on", "verified", "short"}
"""Fields that only this site reads."""

KNOWN = OURS | {
    *("title", "year", "booktitle", "journal", "howpublished", "institution", "organization"),
    *("volume", "number", "pages", "publisher", "eprint", "archiveprefix", "doi", "url", "note"),
}
ONE_OF = {
    "an author or an organization": ("author", "organization"),
    "a year (or a note that says why there is none)": ("year", "note"),
    "a venue (booktitle, journal, howpublished or institution)": (
        *("booktitle", "journal", "howpublished", "institution"),
    ),
    "an address (eprint, doi or url)": ("eprint", "doi", "url"),
    "a title": ("title",),
    "a family": ("family",),
    "an annotation: one sentence of ours on what it contributes": ("annotation",),
    "verified: where title, authors and year were read": ("verified",),
}
"""What an entry must say, and the fields of which one says it."""

FORMS = {
    "eprint": (r"\d\d(0[1-9]|1[0-2])\.\d{4,5}|[a-z-]+(\.[A-Z]{2})?/\d{7}", "2006.11239"),
    "doi": (r"10\.\d{4,9}/\S+", "10.1109/5.726791, without https://doi.org/"),
    "url": (r"https?://\S+", "https://example.org/paper"),
    "year": (r"(19|20)\d\d", "2026"),
    "annotation": (r"[^\n]{20,200}[.!?]", "a sentence of at most 200 letters with its full stop"),
    "short": (r"\S.{0,13}", "a name of at most 14 characters"),
    "archiveprefix": ("arXiv", "arXiv"),
}  # fmt: skip
"""By field: what its whole value must look like, and an example."""

KEY = r"[\w:-]+"
"""What a key is made of, as citations read it."""
START = re.compile(r"^@(\w+)\s*\{\s*([^,\s]+)\s*,", re.MULTILINE)
NEAR, LONGER = 0.9, 3
"""Titles are one from this share of letters in common, where neither is much longer."""


def public_year(entry: Entry) -> int:
    """When a work became public: the year of its arXiv id, else of its publication."""
    eprint = entry.fields.get("eprint", "")
    if re.match(r"\d{4}\.", eprint):
        return 2000 + int(eprint[:2])
    return int(entry.fields.get("year", 0) or 0)


def problems(path: Path) -> list[str]:
    """All that is wrong with a .bib file, by line."""
    return check(path.read_text(encoding="utf-8"), f"docs/{path.name}")


def check(text: str, name: str) -> list[str]:
    """All that is wrong with the text of a .bib file of this name."""
    lines: dict[str, int] = {}
    wrong: list[tuple[int, str]] = []
    for match in START.finditer(text):
        key, line = match[2], text.count("\n", 0, match.start()) + 1
        if key.lower() in lines:
            first = lines[key.lower()]
            wrong.append((line, f"{key} is also the key of line {first}: give it another"))
        lines.setdefault(key.lower(), line)
    if not wrong:
        try:
            entries = dict(parse_string(text, "bibtex").entries.items())
        except PybtexError as error:
            return [f"{name}: {error}: see to commas and braces"]
        for rule in (_missing, _malformed, _repeated, _misplaced):
            wrong += [(lines.get(key.lower(), 0), f"{key} {said}") for key, said in rule(entries)]
    return [f"{name}:{line}: {said}" for line, said in sorted(wrong)]


Said = Iterator[tuple[str, str]]


def _missing(entries: dict[str, Entry]) -> Said:
    for key, entry in entries.items():
        for what, fields in ONE_OF.items():
            if not any(entry.fields.get(f) or entry.persons.get(f) for f in fields):
                yield key, f"lacks {what}"
        if entry.fields.get("short") and not public_year(entry):
            yield key, "has `short` but no year: the timeline has no place for it, leave one out"
        for field in sorted({f.lower() for f in entry.fields} - KNOWN):
            yield key, f"has a field {field}, which nobody reads: correct its name or remove it"


def _malformed(entries: dict[str, Entry]) -> Said:
    for key, entry in entries.items():
        if not re.fullmatch(KEY, key):
            yield key, "is a key that no page can cite: letters, digits, _, : and - make one"
        for field, (form, example) in FORMS.items():
            value = entry.fields.get(field)
            if value is not None and not re.fullmatch(form, value):
                yield key, f"has {field} = {{{value}}}, which should be like this: {example}"
        family = entry.fields.get("family")
        if family and family not in FAMILIES:
            yield key, f"is of family {family}, which is none of {', '.join(FAMILIES)}"


def _repeated(entries: dict[str, Entry]) -> Said:
    same: dict[str, Callable[[str], str]] = {
        "eprint": lambda value: re.sub(r"v\d+$", "", value),
        "doi": str.lower,
    }
    for field, normal in same.items():
        seen: dict[str, str] = {}
        for key, entry in entries.items():
            value = normal(entry.fields.get(field, ""))
            if value and value in seen:
                yield key, f"has the {field} {value} of {seen[value]}: keep one of the two"
            seen.setdefault(value, key)
    titles = {key: _letters(entry.fields.get("title", "")) for key, entry in entries.items()}
    counts = {key: Counter(title) for key, title in titles.items()}
    for key, other in combinations(titles, 2):
        a, b = titles[key], titles[other]
        if not a or abs(len(a) - len(b)) > LONGER:
            continue
        others = (counts[key] - counts[other]).total()  # quick: most titles differ in letters
        if others <= 2 * LONGER and SequenceMatcher(None, a, b, autojunk=False).ratio() > NEAR:
            yield other, f"has nearly the title of {key}: keep one of the two"


def _letters(title: str) -> str:
    return re.sub(r"\\\W|\W", "", title).lower()


def _misplaced(entries: dict[str, Entry]) -> Said:
    """What says of itself that it builds on works that are unknown, younger, or itself."""
    for key, entry in entries.items():
        for base in re.split(r",\s*", entry.fields.get("builds_on", "")):
            if base and (base not in entries or base == key):
                yield key, f"builds on {base}, which is no other key of this file"
            elif base and public_year(entries[base]) > (public_year(entry) or 9999):
                yield key, f"builds on {base}, which is younger: one of the two is wrong"
