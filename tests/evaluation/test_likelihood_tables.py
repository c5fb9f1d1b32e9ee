"""The tables of likelihoods: scales apart, kinds told, nothing dropped in silence."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "scripts" / "site"))

import likelihood_tables  # noqa: E402
from generators import Generator, published  # noqa: E402
from likelihood_tables import KINDS, WORDS, kind, tables  # noqa: E402
from macro import MacroError  # noqa: E402


def entry(value: float, note: str = "how") -> dict[str, object]:
    return {"value": value, "interval": [value - 1, value + 1], "note": note}


def generator(slug: str, method: str, data: str = "mnist", **metrics: object) -> Generator:
    manifest = {"slug": slug, "method": f"imggen.methods.{method}:M"}
    real = {"name": data, "split": "test", "sha256": data}
    return Generator(manifest, {"metrics": metrics, "real": real})  # type: ignore[typeddict-item]


def nats(slug: str, method: str, value: float, **more: object) -> Generator:
    bits = {"bits_per_dim": entry(value / 543.4)}
    return generator(slug, method, nll_nats=entry(value), **bits, **more)


def shown(*found: Generator) -> list[list[str]]:
    """The tables, each as its lines."""
    text = tables(found, lambda g: g.slug)
    return [part.splitlines() for part in text.split("**MNIST")[1:]]


def test_nats_and_bits_never_share_a_table():
    flow = generator("flow", "glow", bits_per_dim=entry(1.2))
    first, second = shown(flow, nats("codes", "igpt", 82.0), nats("vae", "vae", 87.0))
    assert "made binary" in first[0] and "8-bit levels" in second[0]
    assert [line.split(" | ")[0] for line in first[4:6]] == ["| codes", "| vae"]
    assert not any("flow" in line for line in first)
    assert not any("codes" in line or "vae" in line for line in second)
    assert "0.15" not in "".join(first), "bits of binary pixels are the same number again"
    assert "−ELBO" not in "".join(first), "nobody gives that bound here"


def test_each_row_says_what_its_number_is():
    flow = generator("flow", "glow", bits_per_dim=entry(1.2))
    bound = {"elbo_nats": entry(90.0)}
    first, second = shown(flow, nats("vae", "vae", 87.0, **bound), nats("codes", "igpt", 88.0))
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in first[2:]]
    head, vae, codes = rows[0], rows[2], rows[3]
    assert head[1:4] == ["−log p(x), nats ↓", "which is", "−ELBO, a bound ↓"]
    assert (vae[2], codes[2]) == (WORDS["estimate"], "exact")
    assert vae[3].startswith("90") and codes[3] == "–"
    assert WORDS["bound"] in "".join(second)


def test_datasets_are_not_mixed():
    other = generator("elsewhere", "igpt", data="digits", nll_nats=entry(20.0))
    text = tables([other, nats("vae", "vae", 87.0)], lambda g: g.slug)
    assert text.count("nats an image**") == 2


def test_notes_can_not_break_a_table():
    table = tables([generator("a", "igpt", nll_nats=entry(1, "<b> | c"))], lambda g: g.slug)
    assert "&lt;b&gt; &#124; c" in table


def test_a_method_of_which_nobody_said_what_it_gives_stops_the_build():
    with pytest.raises(MacroError, match="oracle has a likelihood: say in scripts/site"):
        tables([nats("x", "oracle", 80.0)], lambda g: g.slug)
    with pytest.raises(MacroError, match="no published generator"):
        tables([generator("x", "gan")], lambda g: g.slug)


def test_a_module_is_of_one_kind():
    modules = [module for each in KINDS.values() for module in each]
    assert len(set(modules)) == len(modules)
    assert kind("imggen.methods.vae:VAE") == "estimate"


def test_every_published_likelihood_is_in_the_tables():
    docs = REPOSITORY / "docs"
    found = published(docs)
    text = tables(found, lambda g: f"<{g.slug}>")
    for path in (docs / "assets" / "experiments").glob("*/metrics.json"):
        metrics = json.loads(path.read_text())["metrics"]
        has = not {"nll_nats", "bits_per_dim"}.isdisjoint(metrics)
        assert text.count(f"<{path.parent.name}>") == has, path
    assert likelihood_tables.scale(next(g for g in found if g.slug == "vae-mnist")) is not None
