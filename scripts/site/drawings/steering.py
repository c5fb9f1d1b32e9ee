"""What leads samples: guidance towards a label, and the pull and push of drifting."""

from __future__ import annotations

import numpy as np

from drawings.adversarial import bell
from drawings.canvas import Axes, Canvas, Image
from drawings.sheet import Drawing, Panel, Tongue


def guided(x: np.ndarray, s: float) -> np.ndarray:
    """p(x)^(1-s) p(x|y)^s, normalised, for two classes of equal bells."""
    ours, other = bell(x, -0.8, 0.75), bell(x, 0.8, 0.75)
    density = ours**s * ((ours + other) / 2) ** (1 - s)
    return density / (density.sum() * (x[1] - x[0]))


def guidance(t: Tongue) -> Drawing:
    """What a stronger guidance aims at."""
    c = Canvas(236)
    x = np.linspace(-3.6, 3.2, 273)
    axes = Axes((-3.6, 3.2), (0, 0.98), 8, 14, 342, 206)
    every, plain = guided(x, 0), guided(x, 1)
    c.path([axes.at(x[0], 0), *axes.curve(x, every), axes.at(x[-1], 0)], "area quiet", closed=True)
    c.path([axes.at(x[0], 0), *axes.curve(x, plain), axes.at(x[-1], 0)], "area real", closed=True)
    c.path(axes.curve(x, plain), "line real")
    for s in (2.0, 4.0):
        y = guided(x, s)
        c.path(axes.curve(x, y), "line fake" + (" dash" if s > 2 else ""))
    c.line((axes.left, axes.bottom), (axes.right, axes.bottom), "axis")
    c.text(axes.at(1.6, 0)[0], axes.at(0, 0.11)[1], t("all digits", "tous les chiffres"), "quiet")
    for s, place, css in (
        (1.0, (0.18, 0.36), "real"),
        (2.0, (-0.42, 0.56), "fake"),
        (4.0, (-0.86, 0.78), "fake"),
    ):
        c.text(*axes.at(*place), f"$s = {s:.0f}$", css, "start")
    c.text(axes.at(-0.5, 0)[0], 226, t("label asked for", "étiquette demandée"), "real", "end")
    c.text(axes.at(0.3, 0)[0], 226, t("another label", "autre étiquette"), "quiet", "start")
    return Drawing([Panel(c, t(
        "Densities on a line. That of the label asked for is wide; with stronger guidance it gets "
        "narrower, higher, and moves away from the other label.",
        "Des densités sur une droite. Celle de l’étiquette demandée est large ; un guidage plus "
        "fort la rend plus étroite, plus haute, et l’éloigne de l’autre étiquette.",
    ))], t(
        "What guidance of strength s aims at, \\(p(x \\mid y)^s\\, p(x)^{1-s}\\), for two labels "
        "on a line. With \\(s = 1\\) it is the density of the label; above, samples are surer of "
        "their label, more alike, and further from the other one than real images are.",
        "Ce que vise un guidage de force s, \\(p(x \\mid y)^s\\, p(x)^{1-s}\\), pour deux "
        "étiquettes sur une droite. Avec \\(s = 1\\), c’est la densité de l’étiquette ; au-delà, "
        "les images sont plus sûres de leur étiquette, plus semblables entre elles, et plus loin "
        "de l’autre que les vraies.",
    ))  # fmt: skip


def drift(x: Image, real: Image, tau: float) -> Image:
    """Pull of real points less push of the other generated ones, by nearness, (n, 2)."""

    def towards(others: Image, own: bool) -> Image:
        gap = others[None] - x[:, None]
        log = -np.linalg.norm(gap, axis=-1) / tau
        if own:
            np.fill_diagonal(log, -np.inf)
        share = np.exp(log - log.max(1, keepdims=True))
        return ((share / share.sum(1, keepdims=True))[..., None] * gap).sum(1)

    return towards(real, own=False) - towards(x, own=True)


def drifting(t: Tongue) -> Drawing:
    """Generated points, pulled and pushed, before and after."""
    rng = np.random.default_rng(9)
    middles = np.array([(80, 74), (262, 92), (150, 196)])
    real = np.concatenate([rng.normal(m, (24, 20), (12, 2)) for m in middles])
    fake = rng.normal((185, 125), 12, (36, 2))
    panels = []
    for steps in (0, 400):
        x = fake
        for _ in range(steps):
            x = x + 0.1 * drift(x, real, 26.0)
        c = Canvas(282)
        title = (
            t("start", "au départ")
            if steps == 0
            else t(f"after {steps} small steps", f"après {steps} petits pas")
        )
        c.text(8, 15, title, "name", "start")
        for point in real:
            c.real(tuple(point), 3.6)
        for point, way in zip(x, drift(x, real, 26.0), strict=True):
            if np.linalg.norm(way) > 16:
                c.arrow(tuple(point), tuple(point + 0.6 * way), css="pull")
            c.fake(tuple(point), 4.4)
        panels.append(
            Panel(
                c,
                t(
                    "Generated points in one heap between three groups of real ones, with arrows "
                    "that lead out of the heap."
                    if steps == 0
                    else "Generated points spread over the three groups of real ones.",
                    "Des points générés en un tas entre trois groupes de vrais, avec des flèches "
                    "qui en sortent."
                    if steps == 0
                    else "Les points générés se sont répartis sur les trois groupes de vrais.",
                ),
            )
        )
    return Drawing(panels, t(
        "Drifting in a plane, simulated. Each generated point (diamond) is pulled by real points "
        "(discs) and pushed by other generated ones, most by the nearest. Where both are spread "
        "alike, the two cancel.",
        "Le drifting dans un plan, simulé. Chaque point généré (losange) est attiré par les vrais "
        "(disques) et repoussé par les autres points générés, surtout les plus proches. Là où les "
        "deux se répartissent de même, les deux effets s’annulent.",
    ))  # fmt: skip
