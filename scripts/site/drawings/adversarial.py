"""The game of two networks, the slope of a critic, and a generator that is steered by a style."""

from __future__ import annotations

import numpy as np

from drawings.canvas import Axes, Canvas
from drawings.digits import digit, noise, shown
from drawings.sheet import Drawing, Panel, Tongue


def game(t: Tongue) -> Drawing:
    """Who sees what, and who learns from whom."""
    c = Canvas(232)
    c.text(182, 13, t("how would it look more real?", "comment paraître plus vrai ?"), "aim")
    c.arrow((271, 92), (271, 22), (113, 22), (113, 44), css="back")
    c.raster(shown(noise(3) * 0.8), 8, 44, 56)
    c.text(36, 117, t("noise $z$", "bruit $z$"))
    c.arrow((66, 72), (92, 72))
    c.box(92, 50, 42, 44, "$G$")
    c.arrow((134, 72), (160, 72))
    c.raster(digit("torn"), 162, 44, 56, "fake")
    c.text(190, 117, t("generated", "généré"), "fake")
    c.arrow((220, 72), (236, 72), (250, 96))
    for shift, name in ((12, "4"), (6, "0"), (0, "7")):
        c.raster(digit(name), 162 + shift, 146 + shift, 56, "real")
    c.text(148, 176, t("real", "vrai"), "real", "end")
    c.arrow((230, 176), (240, 160), (250, 140))
    c.box(250, 94, 42, 48, "$D$")
    c.arrow((292, 118), (312, 118))
    c.line((322, 70), (322, 166), "axis")
    for y, said in ((70, "1"), (166, "0")):
        c.line((317, y), (327, y), "axis")
        c.text(338, y + 4.5, said)
    c.real((322, 84))
    c.fake((322, 148))
    c.text(348, 196, t("real?", "vrai ?"), anchor="end")
    return Drawing(
        [Panel(c, t(
            "Noise z goes into the generator G, which makes an image. The discriminator D sees it, "
            "and real images, and answers each with a number between 0 and 1. A dashed arrow leads "
            "back from D to G.",
            "Un bruit z entre dans le générateur G, qui fabrique une image. Le discriminateur D la "
            "voit, ainsi que des images vraies, et répond à chacune par un nombre entre 0 et 1. "
            "Une flèche en tirets retourne de D à G.",
        ))],
        t(
            "The game. D learns to answer 1 for real images (disc) and 0 for generated ones "
            "(diamond). G never sees a real image: all that it learns comes back through D, as a "
            "gradient.",
            "Le jeu. D apprend à répondre 1 pour une image vraie (disque) et 0 pour une image "
            "générée (losange). G ne voit jamais d’image vraie : tout ce qu’il apprend lui revient "
            "à travers D, sous forme de gradient.",
        ),
    )  # fmt: skip


APART, SPREAD = 2.2, 0.55
"""Half the distance of the two densities, and their deviation."""


def bell(x: np.ndarray, mean: float, deviation: float) -> np.ndarray:
    """The normal density."""
    return np.exp(-(((x - mean) / deviation) ** 2) / 2) / (deviation * np.sqrt(2 * np.pi))


def best_discriminator(x: np.ndarray) -> np.ndarray:
    """p / (p + q) for the two normal densities of equal deviation: a sigmoid."""
    return 1 / (1 + np.exp(np.clip(-2 * APART * x / SPREAD**2, -60, 60)))


def _densities(c: Canvas, axes: Axes, x: np.ndarray, t: Tongue) -> None:
    for mean, css in ((-APART, "fake"), (APART, "real")):
        near = x[np.abs(x - mean) < 3.2 * SPREAD]
        points = axes.curve(near, bell(near, mean, SPREAD) * 0.42)
        c.path([axes.at(near[0], 0), *points, axes.at(near[-1], 0)], f"area {css}", closed=True)
        c.path(points, f"line faint {css}")
    c.line(axes.at(x[0], 0), axes.at(x[-1], 0), "axis")
    c.text(axes.at(-APART, 0)[0], axes.bottom + 18, t("generated", "générées"), "fake")
    c.text(axes.at(APART, 0)[0], axes.bottom + 18, t("real", "vraies"), "real")


def slope(t: Tongue) -> Drawing:
    """What a sure discriminator tells a generator, and what a critic of bounded slope tells it."""
    x = np.linspace(-4.2, 4.2, 241)
    panels = []
    for critic in (False, True):
        c = Canvas(218)
        axes = Axes((-4.2, 4.2), (0, 1.12), 8, 34, 342, 190)
        _densities(c, axes, x, t)
        # for two bells that do not overlap the best critic rises by 1 a unit between them
        y = (x + 4.2) / 8.4 * 0.98 + 0.02 if critic else best_discriminator(x) * 0.96 + 0.02
        c.path(axes.curve(x, y), "line")
        here = int(np.argmin(np.abs(x + APART)))
        start, end = axes.at(x[here], y[here]), axes.at(x[here + 40], y[here + 40])
        c.fake(start)
        if critic:
            c.arrow((start[0] + 2, start[1] - 13), (end[0] + 2, end[1] - 13), css="pull")
            c.text(start[0] - 48, start[1] - 34, t("this way", "par ici"), "aim", "start")
        else:
            c.text(start[0], start[1] - 52, t("flat: which way?", "plat : par où ?"), "quiet")
        name = (
            t("critic $f$: slope 1 at most", "critique $f$ : pente d’au plus 1")
            if critic
            else t("discriminator $D$: sure", "discriminateur $D$ : sûr de lui")
        )
        c.text(8, 15, name, "name", "start")
        panels.append(Panel(c, name.replace("$", "")))
    described = t(
        "{}. Two bells far apart, generated on the left and real on the right. ",
        "{}. Deux cloches éloignées, à gauche les images générées, à droite les vraies. ",
    )
    ends = (
        t("The curve is a step between them and flat at the generated bell.",
          "La courbe fait une marche entre elles et reste plate sous la cloche générée."),
        t("The curve rises evenly, and an arrow at the generated bell points up it.",
          "La courbe monte régulièrement, et une flèche à la cloche générée en suit la pente."),
    )  # fmt: skip
    panels = [
        Panel(panel.canvas, described.format(panel.alternative) + end)
        for panel, end in zip(panels, ends, strict=True)
    ]
    return Drawing(panels, t(
        "The same two distributions, judged twice. First: the best discriminator, p/(p+q). As long "
        "as the two do not overlap, it is flat where the generated images are, so they learn "
        "nothing. Second: the best critic among those of slope at most 1 says everywhere which way "
        "to go.",
        "Les deux mêmes distributions, jugées deux fois. D’abord le meilleur discriminateur, "
        "p/(p+q) : tant qu’elles ne se recouvrent pas, il est plat là où sont les images générées, "
        "qui n’apprennent donc rien. Ensuite le meilleur critique parmi ceux dont la pente ne "
        "dépasse pas 1 dit partout par où aller.",
    ))  # fmt: skip


def style(t: Tongue) -> Drawing:
    """A generator whose latent does not enter at the bottom but sets the scale of each layer."""
    c = Canvas(240)
    c.text(38, 16, "$z$")
    c.arrow((38, 22), (38, 40))
    c.box(8, 40, 60, 96)
    for y in range(56, 130, 16):
        c.line((18, y), (58, y), "thin")
    c.text(38, 154, t("mapping", "réseau"))
    c.arrow((38, 162), (38, 182))
    c.text(38, 200, "$w$")
    c.text(38, 216, t("style", "style"), "aim")
    for row, (side, y) in enumerate(((4, 8), (7, 66), (14, 124), (28, 182))):
        c.box(146, y, 88, 46, f"{side} × {side}")
        c.raster(digit("3", side), 262, y, 46)
        c.arrow((234, y + 23), (262, y + 23), css="thin")
        if row:
            c.arrow((190, y - 12), (190, y))
        c.path([(52, 196), (104, 196), (104, y + 23), (120, y + 23)], "line aim")
        c.head((144, y + 23), (104, y + 23), "aim")
        c.line((118, y + 23), (138, y + 23), "line aim")
    return Drawing([Panel(c, t(
        "A column of four blocks, from 4 × 4 to 28 × 28 pixels, each feeding the next. A separate "
        "mapping network turns z into w, and w reaches every block.",
        "Une colonne de quatre blocs, de 4 × 4 à 28 × 28 pixels, chacun alimente le suivant. Un "
        "réseau à part transforme z en w, et w atteint chaque bloc.",
    ))], t(
        "Style. The image grows from coarse to fine; the latent is first mapped to w, and w sets "
        "how strong each channel is in each layer. Exchange w from some layer on and only what is "
        "finer than that layer changes.",
        "Le style. L’image croît du grossier au fin ; le latent est d’abord transformé en w, et w "
        "règle la force de chaque canal dans chaque couche. Changer w à partir d’une couche ne "
        "change que ce qui est plus fin qu’elle.",
    ))  # fmt: skip
