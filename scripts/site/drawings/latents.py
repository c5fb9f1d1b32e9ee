"""Places for images: a plane, and a plane that is warped."""

from __future__ import annotations

import numpy as np

from drawings.canvas import Axes, Canvas, Image, Point
from drawings.digits import digit
from drawings.sheet import Drawing, Panel, Tongue

POSTERIORS: tuple[tuple[str, float, float, float, float], ...] = (
    ("0", -1.25, 0.75, 0.26, 0.2),
    ("1", 0.35, -1.3, 0.2, 0.28),
    ("3", 0.1, 0.95, 0.3, 0.2),
    ("7", 1.25, -0.35, 0.24, 0.2),
)
"""Digit, mean (2) and deviation (2) of its posterior in the plane."""


def _ellipse(axes: Axes, x: float, y: float, a: float, b: float) -> list[Point]:
    turn = np.linspace(0, 2 * np.pi, 65)
    return axes.curve(x + a * np.cos(turn), y + b * np.sin(turn))


def plane(t: Tongue) -> Drawing:
    """Each image is a small cloud on a map; and how a gradient passes a random draw."""
    c = Canvas(290)
    axes = Axes((-2.5, 2.5), (-2.0, 2.0), 8, 8, 342, 276)
    for radius in (2.0, 1.0):
        c.path(_ellipse(axes, 0, 0, radius, radius), "area quiet", closed=True)
        c.path(_ellipse(axes, 0, 0, radius, radius), "grid", closed=True)
    c.circle(axes.at(0, 0), 2.2, "fill quiet")
    for name, x, y, a, b in POSTERIORS:
        for times in (2, 1):
            c.path(_ellipse(axes, x, y, times * a, times * b), "ball real", closed=True)
        at = axes.at(x, y)
        c.real(at, 2.6)
        side = 1 if x > 0 else -1
        c.raster(digit(name), at[0] + side * 56 - 17, at[1] - 17, 34, "real")
        c.line((at[0] + side * 4, at[1]), (at[0] + side * 38, at[1]), "thin")
    at = axes.at(-0.55, -0.45)
    c.fake(at)
    c.raster(0.55 * digit("0") + 0.45 * digit("1"), at[0] - 78, at[1] + 4, 34, "fake")
    c.line((at[0] - 5, at[1] + 4), (at[0] - 43, at[1] + 18), "thin")
    return Drawing([
        Panel(c, t(
            "A plane with circles for one and two deviations of a normal distribution. Four digits "
            "have each a small ellipse on it; a place between them is decoded into a blend of two "
            "digits.",
            "Un plan, avec des cercles à un et deux écarts-types d’une loi normale. Quatre "
            "chiffres y ont chacun une petite ellipse ; une place entre eux se décode en un "
            "mélange de deux chiffres.",
        )),
        _reparameterised(t),
    ], t(
        "First: the encoder gives each image a small cloud \\(q(z \\mid x)\\) on the map (blue, "
        "one and two deviations), the bound pulls all clouds to the grey prior so that places "
        "between them can be read too (diamond). Second: the draw is written as \\(z = \\mu + "
        "\\sigma \\odot \\epsilon\\), so that a gradient passes beside the chance instead of "
        "through it.",
        "En premier, l’encodeur donne à chaque image un petit nuage \\(q(z \\mid x)\\) sur la "
        "carte (en bleu, un et deux écarts-types) ; la borne attire tous les nuages vers la loi a "
        "priori, en gris, pour que les places intermédiaires se lisent aussi (losange). En second, "
        "le tirage s’écrit \\(z = \\mu + \\sigma \\odot \\epsilon\\) : le gradient passe à côté du "
        "hasard au lieu de le traverser.",
    ))  # fmt: skip


def _reparameterised(t: Tongue) -> Panel:
    c = Canvas(290)
    c.raster(digit("3"), 8, 104, 52, "real")
    c.text(34, 96, "$x$")
    c.arrow((62, 130), (76, 130))
    c.box(76, 104, 44, 52, t("enc.", "enc."))
    for y, said in ((90, "$μ$"), (170, "$σ$")):
        c.arrow((120, 130), (146, y), css="flow")
        c.circle((160, y), 15, "box")
        c.text(160, y + 5, said)
    c.circle((160, 248), 15, "box dash")
    c.text(160, 253, "$ε$")
    c.text(182, 253, t("chance", "hasard"), "quiet", "start")
    c.circle((214, 170), 11, "box")
    c.text(214, 175.5, "×", size=16)
    c.circle((214, 90), 11, "box")
    c.text(214, 95.5, "+", size=16)
    c.arrow((175, 170), (203, 170))
    c.arrow((171, 238), (206, 180), css="thin")
    c.arrow((214, 159), (214, 101))
    c.arrow((175, 90), (203, 90))
    c.arrow((225, 90), (243, 90))
    c.text(251, 95, "$z$")
    c.box(266, 64, 44, 52, t("dec.", "déc."))
    c.arrow((288, 116), (288, 140))
    c.raster(digit("3", slant=0.08) * 0.85, 262, 142, 52, "fake")
    c.text(288, 214, t("$p(x|z)$", "$p(x|z)$"))
    c.arrow((288, 60), (288, 40), (98, 40), (98, 100), css="back")
    c.text(180, 28, t("gradient", "gradient"), "aim")
    return Panel(c, t(
        "The image goes into an encoder, which gives mu and sigma. Epsilon, drawn by chance, is "
        "multiplied by sigma and added to mu; the sum z is decoded. The gradient runs back from z "
        "to the encoder without passing epsilon.",
        "L’image entre dans un encodeur, qui donne mu et sigma. Epsilon, tiré au hasard, est "
        "multiplié par sigma et ajouté à mu ; la somme z est décodée. Le gradient revient de z à "
        "l’encodeur sans passer par epsilon.",
    ))  # fmt: skip


def coupled(points: Image) -> Image:
    """Two layers: each scales and shifts one coordinate by functions of the other, (n, 2)."""
    x, y = points.T.copy()
    y = y * np.exp(0.55 * np.tanh(x)) + 0.85 * np.cos(1.4 * x) - 0.35
    x = x * np.exp(0.3 * np.sin(1.3 * y)) + 0.45 * np.sin(1.1 * y)
    return np.stack([x, y], axis=1)


def _around(points: Image) -> Axes:
    """Axes of one scale in both directions that hold all points, in the middle of a panel."""
    low, high = points.min(0), points.max(0)
    scale = max((high[0] - low[0]) / 334, (high[1] - low[1]) / 232)
    middle, half = (low + high) / 2, np.array([334, 232]) / 2 * scale
    (x0, y0), (x1, y1) = (middle - half).tolist(), (middle + half).tolist()
    return Axes((x0, x1), (y0, y1), 8, 30, 342, 262)


def coupling(t: Tongue) -> Drawing:
    """A grid before and after two invertible layers."""
    panels = []
    ticks, fine = np.linspace(-2, 2, 11), np.linspace(-2, 2, 81)
    turn = np.linspace(0, 2 * np.pi, 121)
    drawn = np.random.default_rng(5).standard_normal((70, 2)).clip(-2, 2)
    for warped in (False, True):
        c = Canvas(268)
        move = coupled if warped else (lambda points: points)
        axes = _around(move(np.stack(np.meshgrid(fine, fine), -1).reshape(-1, 2)))
        for tick in ticks:
            line = np.stack([np.full(81, tick), fine], 1)
            for side in (line, line[:, ::-1]):
                c.path(axes.curve(*move(side).T), "grid")
        for radius in (1.0, 2.0):
            circle = radius * np.stack([np.cos(turn), np.sin(turn)], 1)
            c.path(axes.curve(*move(circle).T), "line " + ("fake" if warped else ""))
        for x, y in move(drawn):
            c.circle(axes.at(x, y), 1.9, "fill fake" if warped else "fill quiet")
        c.text(
            8,
            15,
            t("an image, $x = f(z)$", "une image, $x = f(z)$")
            if warped
            else t("normal noise $z$", "bruit normal $z$"),
            "name",
            "start",
        )
        panels.append(
            Panel(
                c,
                t(
                    "The grid, circles and points, bent by the layers; lines of one family never "
                    "cross."
                    if warped
                    else "A square grid with two circles and points from a normal distribution.",
                    "La grille, les cercles et les points, courbés par les couches ; deux lignes "
                    "d’une même famille ne se croisent jamais."
                    if warped
                    else "Une grille carrée avec deux cercles et des points d’une loi normale.",
                ),
            )
        )
    return Drawing(panels, t(
        "A flow of two coupling layers. Each scales and shifts one coordinate by functions of the "
        "other, so it can be undone exactly, and how much a square grows, by which its density "
        "shrinks, is the product of the scales.",
        "Un flot de deux couches de couplage. Chacune dilate et décale une coordonnée par des "
        "fonctions de l’autre : on peut donc la défaire exactement, et le facteur dont un carré "
        "grandit, qui divise sa densité, est le produit des dilatations.",
    ))  # fmt: skip
