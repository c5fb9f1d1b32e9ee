"""Macros that render published experiments: figures, tables, values and cards."""

from __future__ import annotations

import functools
import html
import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, cast

import audit_tables
import cards
import figures
import generators
import metric_tables
import results_table
import sweep_tables
from drawings import catalogue as drawn
from macro import MacroError, departures, metric_text, refuse_unknown
from metric_tables import value_text

from imggen import sweep
from imggen.evaluation import side_by_side
from imggen.evaluation.catalogue import LEGEND
from imggen.publishing import pictures
from imggen.publishing.status import status
from imggen.studies import comparison, dirac, ladder, readable, trade
from imggen.studies.audit import audit
from imggen.system.files import Json

if TYPE_CHECKING:
    from mkdocs.structure.pages import Page

    from imggen.evaluation.evaluate import Result

FIGURES = {figure.kind: (figure.file, figure.caption) for figure in pictures.FIGURES}
FIGURES |= audit.FIGURES | dirac.FIGURES | readable.FIGURES | sweep.FIGURES | trade.FIGURES
FIGURES |= ladder.FIGURES


@functools.cache
def _status(docs: Path) -> dict[str, Json]:
    return {row["slug"]: row for row in status(docs.parent, docs)}


@dataclass
class Site:
    """The published experiments as one page sees them."""

    docs: Path
    page: Page

    def macro(self, name: str, arguments: list[str]) -> str:
        """The Markdown or HTML of one macro. Raises: MacroError."""
        if name in FIGURES:
            return self.figure(name, *arguments)
        made: dict[str, Callable[..., str]] = {
            "metrics": self.metrics,
            "value": self.value,
            "floor": self.floor,
            "fact": self.fact,
            "flops": self.flops,
            "read": self.read,
            "card": self.card,
            "departures": departures,
            "results": self.results,
            "audit": self.audit,
            "rung": self.rung,
            "versus": self.versus,
            "trainings": self.trainings,
            "spread": self.spread,
            "trained": self.trained,
            "traded": self.traded,
            "climbed": self.climbed,
            "climb": self.climb,
            "drawing": partial(drawn.macro, self.page.meta.get("lang", "en")),
        }
        if name not in made:
            raise MacroError(f"no macro is called {name}")
        return made[name](*arguments)

    def load(self, slug: str, file: str) -> Json:
        """A JSON file of a published experiment."""
        path = self.docs / "assets" / "experiments" / slug / file
        if not path.exists():
            raise MacroError(f"{slug} is not published: run its experiment")
        return json.loads(path.read_text(encoding="utf-8"))

    def scores(self, slug: str) -> Result:
        """metrics.json of a published experiment. Raises: MacroError for an unknown metric."""
        result = cast("Result", self.load(slug, "metrics.json"))
        refuse_unknown(f"{slug}/metrics.json", result["metrics"])
        return result

    def audited(self, slug: str) -> audit_tables.Audit:
        """audit.json of a published audit. Raises: MacroError for an unknown metric."""
        found = cast(audit_tables.Audit, self.load(slug, "audit.json"))
        refuse_unknown(f"{slug}/audit.json", audit_tables.names(found))
        return found

    def link(self, target: str) -> str:
        """Relative address from this page's Markdown file to a file of docs/."""
        return os.path.relpath(target, PurePosixPath(self.page.file.src_uri).parent)

    def url(self, target: str) -> str:
        """Relative address from this page's place on the site, for raw HTML."""
        return os.path.relpath(target, str(PurePosixPath(self.page.url or "./")) or ".")

    def figure(self, kind: str, slug: str) -> str:
        """A figure with its caption, and the manifest one click away."""
        manifest = self.load(slug, "manifest.json")
        file, caption = FIGURES[kind]
        if file not in manifest["files"]:
            raise MacroError(f"{slug} has no {file}")
        folder = f"assets/experiments/{slug}"
        width, height = figures.size(self.docs / folder / file)
        title = f"{manifest['title']}{'' if manifest['title'].endswith('?') else '.'} {caption}"
        shown, moves = file, ""
        if file.endswith(".gif"):
            shown = figures.still_of(file)
            moves = f' data-moves="{self.url(f"{folder}/{file}")}"'
        lazy = "" if self.is_first(f"{kind} {slug}") else " loading=lazy"
        return (
            f'<figure markdown="span" class="run {kind}"{moves}>\n'
            f"![{title}]({self.link(f'{folder}/{shown}')})"
            f"{{ width={width} height={height}{lazy} }}\n"
            f'<figcaption markdown="span">{title} '
            f"[How this was made]({self.card_link(slug)}).</figcaption>\n</figure>"
        )

    def is_first(self, macro: str) -> bool:
        """Whether a figure is the page's first one, which a reader sees at once."""
        kinds = "|".join(FIGURES)
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

    def value(self, slug: str, name: str) -> str:
        """One metric inline."""
        return metric_text(self.scores(slug)["metrics"], name, f"{slug} has no metric {name}")

    def floor(self, slug: str, name: str) -> str:
        """What real images score in place of generated ones, inline."""
        entry = self.scores(slug)["metrics"].get(name)
        if entry is None or entry.get("floor") is None:
            raise MacroError(f"{slug} has no floor of {name}")
        return metric_tables.floor_text(name, entry)

    def fact(self, slug: str, path: str) -> str:
        """One entry of the manifest, by a dotted path (config.train.steps)."""
        found: object = self.load(slug, "manifest.json")
        for key in path.split("."):
            if not isinstance(found, dict) or key not in found:
                raise MacroError(f"the manifest of {slug} has no {path}")
            found = found[key]
        if isinstance(found, int | float) and found % 1 == 0:
            return f"{int(found):,}"
        return str(found)

    def flops(self, slug: str) -> str:
        """What a training cost, in units that one can compare."""
        return cards.flops_text(self.load(slug, "manifest.json")["training_flops"])

    def read(self, slug: str, generator: str) -> str:
        """How often the classifier reads a generator's samples, or `real` digits or `static`."""
        found = self.load(slug, readable.FILE)
        row = (found if generator in ("real", "static") else found["generators"]).get(generator)
        if row is None:
            raise MacroError(f"{slug} does not know {generator}")
        return f"{100 * row['value']:.0f} %"

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

    def audit(self, slug: str, part: str) -> str:
        """A table of the audit: `responses` or `checks`."""
        tables = {"responses": audit_tables.responses, "checks": audit_tables.checks}
        if part not in tables:
            raise MacroError(f"the audit has no {part}: choose responses or checks")
        return tables[part](self.audited(slug))

    def rung(self, slug: str, ladder: str, rung: str, metric: str) -> str:
        """One metric on one rung of the audit, with its interval."""
        found = self.audited(slug)["ladders"].get(ladder)
        if found is None or float(rung) not in found["rungs"] or metric not in found["metrics"]:
            raise MacroError(f"the audit has no {metric} on rung {rung} of {ladder}")
        return value_text(metric, found["metrics"][metric][found["rungs"].index(float(rung))])

    def versus(self, slug: str) -> str:
        """Two generators, metric by metric, and which is better for certain."""
        return metric_tables.versus(cast("Result", self.load(slug, comparison.FILE)))

    def trainings(self, slug: str, *names: str) -> str:
        """Several trainings side by side, by these metrics."""
        return sweep_tables.trainings(self.swept(slug), names)

    def spread(self, slug: str, *names: str) -> str:
        """How far trainings of one method differ."""
        try:
            return sweep_tables.spread(self.swept(slug), names)
        except ValueError as error:
            raise MacroError(f"{slug}: {error}") from error

    def swept(self, slug: str) -> side_by_side.Swept:
        """sweep.json of a published sweep."""
        return cast("side_by_side.Swept", self.load(slug, sweep.FILE))

    def trained(self, slug: str, training: str, name: str) -> str:
        """One metric of one of several trainings."""
        rows = {row["slug"]: row["metrics"] for row in self.swept(slug)["rows"]}
        return metric_text(rows.get(training, {}), name, f"{slug} has no {name} of {training}")

    def traded(self, slug: str, value: str, name: str) -> str:
        """One metric at one value of a sampler's setting."""
        found = cast(trade.Traded, self.load(slug, trade.FILE))
        rows = {row["value"]: row["metrics"] for row in found["settings"]}
        return metric_text(rows.get(value, {}), name, f"{slug} has no {name} at {value}")

    def climb(self, slug: str, *names: str) -> str:
        """A ladder of samplers as a table, by these metrics."""
        return sweep_tables.climb(self.climbs(slug), names)

    def climbs(self, slug: str) -> ladder.Climbed:
        """ladder.json of a published ladder."""
        return cast(ladder.Climbed, self.load(slug, ladder.FILE))

    def climbed(self, slug: str, line: str, steps: str, name: str) -> str:
        """One metric of a sampler (_ for blanks) at a number of steps, or of `real floor`."""
        found = self.climbs(slug)
        rows = {(r["name"], str(r["steps"])): r["metrics"] for r in found["rungs"]}
        rows["real", "floor"] = found["floor"]
        missing = f"{slug} has no {name} of {line} at {steps} steps"
        return metric_text(rows.get((line.replace("_", " "), steps), {}), name, missing)

    def results(self) -> str:
        """The table of all published generators, dataset by dataset."""
        page = results_table.Page(self.docs, self.url, partial(self.badge, short=True))
        return page.html(generators.published(self.docs, self.scores))
