"""The tables of likelihoods: nats of binary pixels in one, bits per dimension of levels in another.

Each row says what its number is: exact, an estimate, or a bound.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

from generators import DATASETS, Generator
from macro import MacroError
from metric_tables import value_text

Kind = Literal["exact", "estimate", "bound"]

KINDS: dict[Kind, tuple[str, ...]] = {
    "exact": ("igpt", "pixelcnn"),
    "estimate": ("vae", "iwae"),
    "bound": ("glow", "tarflow"),
}
"""Modules of imggen/methods by what the likelihood is that they give of an image."""
WORDS: dict[Kind, str] = {
    "exact": "exact",
    "estimate": "importance estimate, above the truth on average",
    "bound": "bound from above: one draw of the noise below the levels",
}


class Scale(NamedTuple):
    """One table: what is measured, and of what."""

    metric: str
    title: str
    of: str


NATS = Scale("nll_nats", "−log p(x), nats ↓", "images made binary, nats an image")
BITS = Scale("bits_per_dim", "Bits per dimension ↓", "8-bit levels, bits for each of them")
ELBO = "elbo_nats"


def kind(method: str) -> Kind:
    """What the likelihood of a manifest's method is. Raises: MacroError where nobody said it."""
    module = method.partition(":")[0].rpartition(".")[2]
    found = next((kind for kind, modules in KINDS.items() if module in modules), None)
    if found is None:
        raise MacroError(
            f"{module} has a likelihood: say in scripts/site/likelihood_tables.py whether it is "
            f"{', '.join(KINDS)}"
        )
    return found


def scale(generator: Generator) -> Scale | None:
    """The table that a generator stands in: that of nats, where it gives any."""
    return next((each for each in (NATS, BITS) if generator.metric(each.metric)), None)


def tables(found: Iterable[Generator], titled: Callable[[Generator], str]) -> str:
    """Markdown: a table for each dataset and scale; `titled` is how a generator is shown.

    Raises: MacroError where nothing has a likelihood, or nobody said which kind.
    """
    groups: dict[tuple[Scale, str, str], list[Generator]] = {}
    for generator in found:
        if (of := scale(generator)) is not None:
            real = generator.result["real"]
            key = (of, str(real["name"]), str(real.get("sha256")))
            groups.setdefault(key, []).append(generator)
    if not groups:
        raise MacroError("no published generator has a likelihood")
    order = sorted(groups, key=lambda key: (key[0] != NATS, -len(groups[key]), key[1:]))
    return "\n".join(_table(key[0], groups[key], titled) for key in order)


def _table(of: Scale, members: Iterable[Generator], titled: Callable[[Generator], str]) -> str:
    ranked = sorted(members, key=lambda g: _value(g, of.metric))
    bounds = of is NATS and any(g.metric(ELBO) for g in ranked)
    head = ["generator", of.title, "which is", *(["−ELBO, a bound ↓"] if bounds else []), "how"]
    dataset = DATASETS.get(ranked[0].dataset, ranked[0].dataset)
    lines = [f"**{dataset}: {of.of}**", "", f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for generator in ranked:
        entry = generator.metric(of.metric)
        assert entry is not None
        cells = [titled(generator), value_text(of.metric, entry)]
        cells.append(WORDS[kind(generator.manifest["method"])])
        if bounds:
            bound = generator.metric(ELBO)
            cells.append("–" if bound is None else value_text(ELBO, bound))
        note = html.escape(entry.get("note", "")).replace("|", "&#124;")
        lines.append(f"| {' | '.join([*cells, f'<small>{note}</small>'])} |")
    return "\n".join([*lines, ""])


def _value(generator: Generator, name: str) -> float:
    entry = generator.metric(name)
    assert entry is not None and entry["value"] is not None
    return entry["value"]
