"""The words of the slides in one language, with the published numbers in their places.

In text/*.toml, {value dcgan-mnist precision} and its like stand for numbers; no measured number is
typed there.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from pathlib import Path

from cards import flops_text
from generators import DATASETS, datasets_asked
from languages import french_typeset

from imggen.evaluation.catalogue import Entry, known
from imggen.evaluation.report import number
from imggen.system.errors import UserError
from imggen.system.files import Json, sha256_json
from slides.published import Published

LANGUAGES = ("en", "fr")
TEXTS = Path(__file__).parent / "text"
HOLE = re.compile(r"\{(\w+) ([^{}]+)\}")
Text = dict[str, str]
BEST = 3
"""Generators of a family in the chart of results."""
UNFILLED = (LookupError, ValueError, TypeError, AttributeError, AssertionError)
"""What a hole with a wrong name, number or count of words ends in."""


def known_language(language: str) -> str:
    """The language, if the slides have it. Raises: UserError."""
    if language not in LANGUAGES:
        raise UserError(
            f"There are no slides in {language!r}: choose --language {' or '.join(LANGUAGES)}."
        )
    return language


class Words:
    """The texts of one language; calling it fills the holes of one."""

    def __init__(self, language: str, published: Published) -> None:
        self.language, self.published = known_language(language), published
        self.texts: dict[str, Json] = {}
        for path in sorted(TEXTS.glob(f"{language}-*.toml")):
            self.texts |= tomllib.loads(path.read_text(encoding="utf-8"))

    def hash(self) -> str:
        """SHA-256 of the texts, as they are before numbers are filled in."""
        return sha256_json(self.texts)

    def __call__(self, slide: str, field: str) -> str:
        """One text of a slide."""
        return self.filled(self.texts[slide][field])

    def many(self, slide: str, field: str) -> list[str]:
        """A list of texts of a slide."""
        return [self.filled(text) for text in self.texts[slide][field]]

    def table(self, slide: str, field: str) -> list[list[str]]:
        """Rows of cells of a slide."""
        return [[self.filled(cell) for cell in row] for row in self.texts[slide][field]]

    def labels(self, slide: str) -> Text:
        """The words of a slide's drawing or chart."""
        return {key: self.filled(text) for key, text in self.texts[slide]["labels"].items()}

    def filled(self, text: str) -> str:
        """A text with numbers in its holes. Raises: UserError for a hole that nothing fills."""
        made: dict[str, Callable[..., str]] = {
            "value": self.value, "percent": self.percent, "floor": self.floor,
            "floorpercent": self.floorpercent, "fact": self.fact, "flops": self.flops,
            "rung": self.rung, "climbed": self.climbed, "traded": self.traded, "count": self.count,
            "trained": self.trained, "read": self.readable, "data": self.data,
            "settings": self.settings, "slide": self.slide,
        }  # fmt: skip

        def fill(hole: re.Match[str]) -> str:
            if hole[1] not in made:
                raise UserError(f"{hole[0]} in the slides' texts is nothing that one can fill in.")
            try:
                return made[hole[1]](*hole[2].split())
            except UNFILLED as error:
                raise UserError(
                    f"{hole[0]} in the slides' texts asks for what is not published, or in a form "
                    f"that nothing fills ({type(error).__name__}: {error})."
                ) from error

        return self.typeset(HOLE.sub(fill, text))

    def typeset(self, text: str) -> str:
        """A text with the apostrophes, and in French with the spaces, that printers use."""
        return french_typeset(text) if self.language == "fr" else text.replace("'", "’")

    def named(self, title: str) -> str:
        """A method as the language calls it, from the title of what is published."""
        name = title.split(" on ")[0]
        return self.typeset(self.texts["title"]["names"].get(name, name))

    def local(self, text: str) -> str:
        """A number as people of the language write it."""
        if self.language == "fr":
            return text.replace(",", "\u00a0").replace(".", ",").replace("-", "−")
        return text.replace("-", "−")

    def rounded(self, entry: Entry, factor: float = 1) -> str:
        """A value with the digits that its interval leaves, three at most."""
        value, low, high = (factor * end for end in known(entry))
        return self.local(min(number(value, (high - low) / 2), number(value), key=len))

    def ranged(self, entry: Entry) -> str:
        """A value and its interval."""
        value, low, high = known(entry)
        ends = [self.local(number(end, (high - low) / 2)) for end in (value, low, high)]
        return f"{ends[0]} [{ends[1]}{';' if self.language == 'fr' else ','} {ends[2]}]"

    def share(self, entry: Entry) -> str:
        """A share of one as a percentage."""
        return f"{self.rounded(entry, 100)}\u00a0%"

    def slide(self, key: str) -> str:
        """The number of a slide."""
        return str([key for key in self.texts if key != "handout"].index(key) + 1)

    def value(self, slug: str, metric: str) -> str:
        return self.rounded(self.published.entry(slug, metric))

    def percent(self, slug: str, metric: str) -> str:
        return self.share(self.published.entry(slug, metric))

    def floor(self, slug: str, metric: str) -> str:
        return self.rounded(floor(self.published.entry(slug, metric)))

    def floorpercent(self, slug: str, metric: str) -> str:
        return self.share(floor(self.published.entry(slug, metric)))

    def fact(self, slug: str, path: str) -> str:
        found = self.published.fact(slug, path)
        if isinstance(found, float):
            return self.local(f"{found:g}")
        return self.local(f"{found:,}") if isinstance(found, int) else str(found)

    def flops(self, slug: str) -> str:
        found = self.published.fact(slug, "training_flops")
        assert isinstance(found, float)
        return self.local(flops_text(found)).replace(" ", "\u00a0")

    def rung(self, slug: str, ladder: str, rung: str, metric: str) -> str:
        found = self.published.file(slug, "audit.json")["ladders"][ladder]
        entry = found["metrics"][metric][found["rungs"].index(float(rung))]
        self.published.noted(slug, f"{ladder} {rung} {metric}", entry)
        return self.rounded(entry)

    def climbed(self, slug: str, line: str, steps: str, metric: str) -> str:
        name = line.replace("_", " ")
        row = self.published.row(slug, "ladder.json", "rungs", name=name, steps=int(steps))
        return self.rounded(self.published.entries(slug, f"{line} {steps}", row["metrics"], metric))

    def traded(self, slug: str, setting: str, metric: str) -> str:
        row = self.published.row(slug, "trade.json", "settings", value=setting)
        return self.rounded(self.published.entries(slug, setting, row["metrics"], metric))

    def settings(self, slug: str) -> str:
        """The values of a sampler's option, as they were measured."""
        values = [row["value"] for row in self.published.file(slug, "trade.json")["settings"]]
        self.published.noted(slug, "settings", values)
        shown = [self.local(f"{float(value):g}") for value in values]
        return ("; " if self.language == "fr" else ", ").join(shown)

    def trained(self, slug: str, training: str, metric: str) -> str:
        row = self.published.row(slug, "sweep.json", "rows", slug=training)
        return self.rounded(self.published.entries(slug, training, row["metrics"], metric))

    def readable(self, slug: str, name: str) -> str:
        found = self.published.file(slug, "readable.json")
        entry = found[name] if name in ("real", "static") else found["generators"][name]
        self.published.noted(slug, name, entry)
        return self.local(f"{100 * entry['value']:.0f}") + "\u00a0%"

    def count(self, what: str) -> str:
        """How many there are: of files in the checkout, or of what is published."""
        root = self.published.docs.parent
        folders = {"methods": "imggen/methods", "experiments": "experiments"}
        if what in folders:
            found = len([p for p in (root / folders[what]).glob("*.py") if p.stem != "__init__"])
        elif what == "posts":
            found = len(list((self.published.docs / "blog" / "posts").glob("*.md")))
        elif what == "generators":
            folder = self.published.docs / "assets" / "experiments"
            found = len(list(folder.glob("*/metrics.json")))
        elif what == "metrics":
            ladders = self.published.file("metric-audit", "audit.json")["ladders"]
            found = len(ladders["blur"]["metrics"])
        else:
            raise UserError(f"The slides count no {what}.")
        self.published.noted("all", what, found)
        return self.local(f"{found:,}")

    def data(self, which: str) -> str:
        """Datasets that are published (`there`), wanted ones that are not (`missing`), `state`."""
        found, missing = datasets_asked(self.published.datasets())
        if which == "there":
            ours = DATASETS | self.texts["title"]["datasets"]
            return ", ".join(ours.get(name, name) for name in found)
        if which == "state":
            return str(self.texts["title"]["states"]["part" if missing else "done"])
        return ", ".join(missing) or str(self.texts["title"]["nothing"])


def floor(entry: Entry) -> Entry:
    """What real images score, as an entry of its own. Raises: UserError where nobody measured."""
    if entry.get("floor") is None:
        raise UserError("The slides need the floor of a metric that has none.")
    ends = entry.get("floor_interval", [])
    return {**entry, "value": entry.get("floor"), "interval": list(ends)}
