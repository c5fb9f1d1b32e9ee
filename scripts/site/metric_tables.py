"""Tables of metrics: one experiment's, and one row for each of many."""

from __future__ import annotations

from typing import Any

from imggen.evaluation.report import number

METRICS = {
    "frechet_distance": ("Fréchet distance", "coherence and variety"),
    "kid": ("Kernel distance × 1000", "coherence and variety"),
    "precision": ("Precision", "coherence"),
    "density": ("Density", "coherence"),
    "recall": ("Recall", "variety"),
    "coverage": ("Coverage", "variety"),
    "classifier_score": ("Classifier score", "recognisable, all classes"),
    "nll_nats": ("−log p(x), nats", "likelihood"),
    "elbo_nats": ("−ELBO, nats", "likelihood, bound"),
    "bits_per_dim": ("Bits per binary pixel", "likelihood"),
    "frechet_infinity": ("Fréchet distance, extrapolated", "coherence and variety"),
    "clipped_density": ("Clipped density", "coherence"),
    "prd_f1_8": ("PRD F⅛", "coherence"),
    "clipped_coverage": ("Clipped coverage", "variety"),
    "prd_f8": ("PRD F₈", "variety"),
    "vendi_score": ("Vendi score", "variety"),
    "pairwise_diversity": ("Pairwise diversity", "variety"),
    "class_divergence": ("Divergence of classes, nats", "variety"),
    "modes": ("Modes found", "variety"),
    "mode_divergence": ("Divergence of modes, nats", "variety"),
    "authenticity": ("Authenticity", "memorisation"),
    "data_copying": ("Data-copying test C_T", "memorisation"),
    "near_copies": ("Near copies", "memorisation"),
    "copied": ("Exact copies of training images", "memorisation"),
    "repeated": ("Images that occur twice", "memorisation"),
}
FACTOR = {"kid": 1000}
SHOWN = ("frechet_distance", "kid", "precision", "recall", "density", "coverage")


def value_text(name: str, entry: dict[str, Any]) -> str:
    """A metric's value and interval as text."""
    if entry["value"] is None:
        return "–"
    factor = FACTOR.get(name, 1)
    text = number(factor * entry["value"])
    if entry.get("interval"):
        low, high = (number(factor * bound) for bound in entry["interval"])
        text += f' <span class="interval">[{low}, {high}]</span>'
    return text


def rows(metrics: dict[str, dict[str, Any]], shown: set[str]) -> list[str]:
    """Lines of a Markdown table of the metrics in `shown`, in the order of METRICS."""
    lines = ["| metric | value and 95 % interval | floor | sees |", "|---|---|---|---|"]
    for name, (title, sees) in METRICS.items():
        entry = metrics.get(name)
        if name not in shown or entry is None or entry["value"] is None:
            continue
        arrow = {"lower": "↓", "higher": "↑", "floor": "→"}[entry["better"]]
        has_floor = entry.get("floor") is not None
        floor = number(FACTOR.get(name, 1) * entry["floor"]) if has_floor else "–"
        lines.append(f"| {title} {arrow} | {value_text(name, entry)} | {floor} | {sees} |")
    return lines


def results(experiments: list[tuple[str, dict[str, Any], str]]) -> str:
    """One row per experiment, from its title, metrics.json and badge.

    Rows of unlike reference, number of images, features or code are said not to compare.
    """
    titles = [METRICS[name][0] for name in SHOWN]
    lines = ['<div class="compact" markdown>', ""]
    lines += [f"| experiment | {' | '.join(titles)} | state |", "|---" * (len(SHOWN) + 2) + "|"]
    protocols = set()
    for title, result, badge in experiments:
        real, protocol = result["real"], result["protocol"]
        against = f"{protocol['n']:,} against {real['name']}:{real['split']}"
        entries = result["metrics"]
        cells = " | ".join(value_text(name, entries[name]) for name in SHOWN)
        lines.append(f"| {title}<br><small>{against}</small> | {cells} | {badge} |")
        protocols.add((against, result["features"]["sha256"], str(sorted(protocol.items()))))
    lines += ["", "</div>"]
    if len(protocols) > 1:
        lines += [
            "",
            "!!! warning",
            "    These rows do not all compare with one another: their reference images, their",
            "    number, their features or the code of the metrics differ.",
        ]
    return "\n".join(lines) + "\n"
