"""Macros that read numbers and tables from published files, whatever page they stand on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import audit_tables
import cards
import chaos_tables
import checkpoint_tables
import likes_tables
import metric_tables
import sweep_tables
from macro import MacroError, metric_text, refuse_unknown, setting_text
from metric_tables import value_text

from imggen import sweep
from imggen.evaluation import latents as encoded
from imggen.evaluation import side_by_side
from imggen.studies import binary, comparison, ladder, likes_others, readable, trade
from imggen.studies.chaos import study as chaos
from imggen.studies.checkpoints import study as checkpoints
from imggen.system.files import Json

if TYPE_CHECKING:
    from imggen.evaluation.evaluate import Result


@dataclass
class PublishedFiles:
    """The published experiments below a docs folder."""

    docs: Path

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

    def value(self, slug: str, name: str) -> str:
        """One metric inline."""
        return metric_text(self.scores(slug)["metrics"], name, f"{slug} has no metric {name}")

    def floor(self, slug: str, name: str) -> str:
        """What real images score in place of generated ones, inline."""
        entry = self.scores(slug)["metrics"].get(name)
        if entry is None or entry.get("floor") is None:
            raise MacroError(f"{slug} has no floor of {name}")
        return metric_tables.floor_text(name, entry)

    def perfect(self, slug: str, name: str) -> str:
        """What real images score that a coin made binary, inline."""
        scores = cast("Result", self.load(slug, binary.FILE))["metrics"]
        return metric_text(scores, name, f"{slug} has no {name}")

    def fact(self, slug: str, path: str) -> str:
        """One entry of the manifest, by a dotted path (config.train.steps)."""
        found: object = self.load(slug, "manifest.json")
        for key in path.split("."):
            if not isinstance(found, dict) or key not in found:
                raise MacroError(f"the manifest of {slug} has no {path}")
            found = found[key]
        return setting_text(found)

    def flops(self, slug: str, of: str = "training") -> str:
        """What a training cost, in units that one can compare; with `image` what a sample does."""
        return cards.flops_of(self.load(slug, "manifest.json"), of)

    def read(self, slug: str, generator: str) -> str:
        """How often the classifier reads a generator's samples, or `real` digits or `static`."""
        found = self.load(slug, readable.FILE)
        row = (found if generator in ("real", "static") else found["generators"]).get(generator)
        if row is None:
            raise MacroError(f"{slug} does not know {generator}")
        return f"{100 * row['value']:.0f} %"

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

    def faults(self, slug: str) -> str:
        """What trainings under fire survived, a row for each kind of fault."""
        return chaos_tables.table(self.under_fire(slug))

    def struck(self, slug: str, of: str = "faults") -> str:
        """How many faults struck, or how many were `survived`."""
        found = chaos_tables.struck(self.under_fire(slug))
        if of not in ("faults", "survived"):
            raise MacroError(f"count faults or survived, not {of}")
        return str(len(found) if of == "faults" else sum(fault["survived"] for fault in found))

    def under_fire(self, slug: str) -> chaos.Chaos:
        """chaos.json of a published study."""
        return cast(chaos.Chaos, self.load(slug, chaos.FILE))

    def promises(self, slug: str) -> str:
        """What it costs to be safe, held to bars, a row each."""
        return checkpoint_tables.table(self.clocked(slug)["measured"])

    def timed(self, slug: str, name: str) -> str:
        """One number that was measured of checkpoints, in words: a time, `parameters`, `bytes`."""
        told = checkpoint_tables.told(self.clocked(slug)["measured"])
        if name not in told:
            raise MacroError(f"{slug} has no {name}: choose one of {', '.join(told)}")
        return told[name]

    def clocked(self, slug: str) -> checkpoints.Found:
        """checkpoints.json of a published study."""
        return cast(checkpoints.Found, self.load(slug, checkpoints.FILE))

    def versus(self, slug: str) -> str:
        """Two generators, metric by metric, and which is better for certain."""
        result = cast("Result", self.load(slug, comparison.FILE))
        slugs = str(result["fake"]["name"]), str(result["against"]["name"])
        titles = (str(self.load(each, "manifest.json")["title"]) for each in slugs)
        return metric_tables.versus(result, *(title.split(" on ")[0] for title in titles))

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

    def latents(self, slug: str) -> str:
        """What the latents of several auto-encoders hold, a row each."""
        return sweep_tables.latents(self.encoders(slug))

    def latent(self, slug: str, training: str, name: str) -> str:
        """One number of the latents of one of several auto-encoders."""
        rows = {row["slug"]: row["measured"] for row in self.encoders(slug)["rows"]}
        if name not in rows.get(training, {}):
            raise MacroError(f"{slug} has no {name} of {training}")
        return sweep_tables.measured_text(rows[training][name])

    def encoders(self, slug: str) -> encoded.Found:
        """latents.json of a published sweep."""
        return cast("encoded.Found", self.load(slug, encoded.FILE))

    def likes(self, slug: str, model: str) -> str:
        """What a density model finds likely, a row for each kind of images."""
        return likes_tables.table(self.model(slug, model))

    def liked(self, slug: str, model: str, kind: str, name: str) -> str:
        """One number of a kind of images (_ for blanks): `mean`, `liked` or `auroc`."""
        row = self.model(slug, model)["kinds"].get(kind.replace("_", " "))
        shown = likes_tables.NOTHING
        if row is not None and name in likes_tables.NAMES:
            shown = likes_tables.text(row, name)
        if shown == likes_tables.NOTHING:
            raise MacroError(f"{slug} has no {name} of {kind}")
        return shown

    def model(self, slug: str, model: str) -> likes_others.Answer:
        """One model of likes_others.json."""
        models = self.load(slug, likes_others.FILE)["models"]
        if model not in models:
            raise MacroError(f"{slug} did not ask {model}")
        return cast("likes_others.Answer", models[model])

    def traded(self, slug: str, value: str, name: str) -> str:
        """One metric at one value of a sampler's setting, or of `floor`: real training images."""
        found = cast(trade.Traded, self.load(slug, trade.FILE))
        rows = {row["value"]: row["metrics"] for row in found["settings"]}
        rows["floor"] = found["floor"]
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
