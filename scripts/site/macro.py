"""What several macros share, and the one that reads a method's docstring."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from decimal import Decimal

from metric_tables import value_text

from imggen.evaluation.catalogue import METRICS, Entries


class MacroError(Exception):
    """A macro that names something which does not exist."""


def refuse_unknown(file: str, metrics: Iterable[str]) -> None:
    """Raises MacroError for metrics that the catalogue lacks: a page would drop them in silence."""
    unknown = sorted(set(metrics) - METRICS.keys())
    if unknown:
        raise MacroError(
            f"{file} has {', '.join(unknown)}, which imggen/evaluation/catalogue.py does not know"
        )


def metric_text(entries: Entries, name: str, missing: str) -> str:
    """A metric's value and interval. Raises: MacroError that says `missing` when there is none."""
    if name not in entries:
        raise MacroError(missing)
    return value_text(name, entries[name])


def setting_text(setting: object) -> str:
    """A setting as a page writes it: 30,000 steps, a rate of 0.00005, layers of 512, 512 units."""
    if isinstance(setting, list):
        return ", ".join(setting_text(each) for each in setting)
    if isinstance(setting, float) and (setting.is_integer() or abs(setting) > 100):
        setting = round(setting)
    if isinstance(setting, float):
        return f"{Decimal(str(setting)):f}"
    return f"{setting:,}" if isinstance(setting, int) else str(setting)


def departures(module: str) -> str:
    """The section of a method's docstring that lists where it leaves the paper."""
    docstring = importlib.import_module(module).__doc__ or ""
    marker = "## Departures from the paper"
    if marker not in docstring:
        raise MacroError(f"{module} has no section '{marker}'")
    return docstring.split(marker, 1)[1].split("\n## ", 1)[0].strip() + "\n"
