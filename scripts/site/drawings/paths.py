"""From noise to an image: diffusion, lines and paths, mean velocities."""

from __future__ import annotations

import math

import numpy as np

from drawings import worlds
from drawings.adversarial import bell
from drawings.canvas import Axes, Canvas
from drawings.digits import SIDE, digit, noise, shown
from drawings.sheet import Drawing, Panel, Tongue

SHOWN = (0.0, 0.4, 0.68, 0.87, 0.995)
"""Times of the images of the diffusion."""


def diffusion(t: Tongue) -> Drawing:
    """Noise is added, and taken away again by the best guess of what is below."""
    c, size = Canvas(284), 56.0
    places = [8 + i * 69.5 for i in range(5)]
    x = 2 * digit("3") - 1
    e = noise(1)
    times = np.linspace(SHOWN[-1], 0.0, 200)
    walk = worlds.undone(noise(21).reshape(-1), times)
    c.text(8, 15, t("forward: noise is added", "aller : on ajoute du bruit"), "name", "start")
    c.text(
        8,
        121,
        t("back: a step towards the guess", "retour : un pas vers l’estimation"),
        "name",
        "start",
    )
    for place, (left, time) in enumerate(zip(places, SHOWN, strict=True)):
        noisy = worlds.kept(time) * x + math.sin(math.pi / 2 * time) * e
        c.raster(shown(noisy), left, 26, size, "" if place else "real")
        at = int(np.argmin(np.abs(times - time)))
        c.raster(shown(walk[at].reshape(SIDE, SIDE)), left, 132, size, "" if place else "fake")
        if place:
            c.raster(shown(worlds.guess(walk[at], time).reshape(SIDE, SIDE)), left, 222, size)
            c.arrow((left - 13, 54), (left - 2, 54))
            c.arrow((left - 2, 160), (left - 13, 160))
            c.arrow((left + size / 2, 221), (left + size / 2, 190), css="pull")
    c.text(8, 246, t("the best", "meilleure"), "aim", "start")
    c.text(8, 262, t("guess", "estimation"), "aim", "start")
    return Drawing([Panel(c, t(
        "Upper row: a digit under more and more noise. Middle row, from right to left: noise "
        "becomes a digit. Lower row: the guess at each time, a blur at first and sharp at the end.",
        "Rangée du haut : un chiffre sous un bruit croissant. Rangée du milieu, de droite à gauche "
        ": du bruit devient un chiffre. Rangée du bas : l’estimation à chaque instant, floue "
        "d’abord et nette à la fin.",
    ))], t(
        "Computed, not sketched: a world of eighteen images, in which the best guess (lower row) "
        "is a mean of all images that may lie behind the noise, each weighted by its probability. "
        "At first that mean is a blur; each step towards it leaves fewer images possible.",
        "Calculé, non esquissé : dans un monde de dix-huit images, la meilleure estimation (rangée "
        "du bas) est la moyenne de toutes les images qui peuvent se cacher derrière le bruit, "
        "pesées par leur probabilité. D’abord floue, elle se précise : chaque pas laisse moins "
        "d’images possibles.",
    ))  # fmt: skip


def _frame(t: Tongue, name: str, height: float = 226) -> tuple[Canvas, Axes]:
    """A panel with time from right to left, data at its left edge and noise at its right one."""
    c = Canvas(height)
    c.text(8, 15, name, "name", "start")
    axes = Axes((0, 1), (-2.35, 2.35), 46, 26, 304, height - 24)
    grid = np.linspace(-2.35, 2.35, 121)
    data = np.mean([bell(grid, float(m), worlds.DEVIATION) for m in worlds.MEANS], axis=0)
    for end, density, css, width in (
        (0.0, data, "real", -32.0),
        (1.0, bell(grid, 0, 1), "quiet", 90.0),
    ):
        edge = axes.at(end, 0)[0]
        points = [
            (edge + width * float(d), axes.at(end, float(g))[1])
            for g, d in zip(grid, density, strict=True)
        ]
        c.path(
            [(edge, axes.bottom), (edge, axes.top), *reversed(points)], f"area {css}", closed=True
        )
        c.line((edge, axes.top), (edge, axes.bottom), "axis")
    c.text(axes.left, height - 6, t("data", "données"), "real")
    c.text(axes.right, height - 6, t("noise", "bruit"), "quiet")
    return c, axes


def quantiles(n: int) -> np.ndarray:
    """n draws of noise, evenly spread over its probability."""
    probability = (np.arange(n) + 0.5) / n
    grid = np.linspace(-4, 4, 4001)
    below = np.array([0.5 * (1 + math.erf(g / math.sqrt(2))) for g in grid])
    return np.interp(probability, below, grid)


def straight(t: Tongue) -> Drawing:
    """Lines that cross, the paths of their mean velocity, one long step, and reflow."""
    noises = quantiles(18)
    times, walked = worlds.paths(noises)
    rng = np.random.default_rng(4)
    humps = [rng.normal(m, worlds.DEVIATION, 9) for m in worlds.MEANS]
    data = rng.permutation(np.concatenate(humps))
    panels = []
    c, axes = _frame(t, t("1. lines between random pairs", "1. droites entre paires au hasard"))
    for e, x in zip(noises, data, strict=True):
        c.line(axes.at(1, e), axes.at(0, x), "line faint real")
    panels.append(
        Panel(
            c,
            t(
                "Straight lines from noise to two humps of data; they cross.",
                "Des droites du bruit vers deux bosses de données ; elles se croisent.",
            ),
        )
    )
    c, axes = _frame(t, t("2. paths of the mean velocity", "2. chemins de la vitesse moyenne"))
    for path in walked.T:
        c.path(axes.curve(times[::8], path[::8]), "line faint fake")
    panels.append(
        Panel(
            c,
            t(
                "Curves from noise to the humps; they bend apart and never cross.",
                "Des courbes du bruit vers les bosses ; elles s’écartent et ne se croisent jamais.",
            ),
        )
    )
    c, axes = _frame(t, t("3. the same, in one step", "3. la même, en un seul pas"))
    ends = noises - worlds.velocity(noises, 1.0)
    for e, x in zip(noises, ends, strict=True):
        c.line(axes.at(1, e), axes.at(0, x), "line faint fake")
    c.fake(axes.at(0, float(ends.mean())))
    panels.append(
        Panel(
            c,
            t(
                "Straight lines from all noise to one point between the humps.",
                "Des droites de tout le bruit vers un seul point entre les bosses.",
            ),
        )
    )
    c, axes = _frame(
        t, t("4. reflow: straight, and no crossing", "4. reflow : droit, sans croisement")
    )
    for e, x in zip(noises, walked[-1], strict=True):
        c.line(axes.at(1, e), axes.at(0, x), "line faint aim")
    panels.append(
        Panel(
            c,
            t(
                "Straight lines from the noise to where the curves ended; none cross.",
                "Des droites du bruit vers l’arrivée des courbes ; aucune ne se croise.",
            ),
        )
    )
    return Drawing(panels, t(
        "Exact, for data of two humps on a line. The network learns the mean velocity of all lines "
        "through a point (1), so its paths bend where lines cross (2). One long step follows the "
        "velocity at pure noise and ends at the mean of all data (3). Lines between the ends of "
        "the paths do not cross, so a network that learns them may leap (4).",
        "Exact, pour des données à deux bosses sur une droite. Le réseau apprend la vitesse "
        "moyenne de toutes les droites qui passent par un point (1) ; ses chemins tournent donc là "
        "où elles se croisent (2). Un seul long pas suit la vitesse du bruit pur et finit à la "
        "moyenne des données (3). Les droites entre les extrémités des chemins ne se croisent pas "
        ": un réseau qui les apprend peut sauter (4).",
    ))  # fmt: skip


START = 0.42
"""The noise whose path is shown with its velocities."""


def mean_velocity(t: Tongue) -> Drawing:
    """Velocity and mean velocity between two times; a long step learnt from two short ones."""
    times, walked = worlds.paths(np.array([START]))
    path = walked[:, 0]

    def on(time: float) -> float:
        return float(np.interp(-time, -times, path))

    panels = []
    late, early = 0.9, 0.25
    axes = Axes((0, 1), (-0.42, 1.5), 24, 30, 334, 204)
    c = Canvas(232)
    c.text(8, 15, t("MeanFlow: two times", "MeanFlow : deux temps"), "name", "start")
    c.line((axes.left, axes.bottom), (axes.right, axes.bottom), "axis")
    c.path(axes.curve(times[::4], path[::4]), "line faint fake")
    z = on(late)
    slope = float(worlds.velocity(np.array([z]), late)[0])
    tip = axes.at(early, z - (late - early) * slope)
    c.arrow(axes.at(late, z), tip, css="flow")
    c.arrow(axes.at(late, z), axes.at(early, on(early)), css="pull")
    for time, said in ((late, "$t$"), (early, "$r$")):
        c.path([axes.at(time, -0.42), axes.at(time, on(time))], "thin dash")
        c.text(axes.at(time, 0)[0], 221, said)
        c.fake(axes.at(time, on(time)))
    c.text(tip[0] + 26, tip[1] + 16, t("velocity $v$", "vitesse $v$"), anchor="start")
    middle = axes.at((late + early) / 2, (z + on(early)) / 2)
    c.text(
        middle[0] - 6, middle[1] - 12, t("mean velocity $u$", "vitesse moyenne $u$"), "aim", "start"
    )
    panels.append(
        Panel(
            c,
            t(
                "A bent path with two points, at times t and r. The tangent at t misses the path "
                "at r; the chord from t meets it.",
                "Un chemin courbe avec deux points, aux temps t et r. La tangente en t manque le "
                "chemin en r ; la corde le rejoint.",
            ),
        )
    )
    c = Canvas(232)
    c.text(
        8,
        15,
        t("shortcut: one step from two", "modèle à raccourcis : un pas fait de deux"),
        "name",
        "start",
    )
    c.line((axes.left, axes.bottom), (axes.right, axes.bottom), "axis")
    c.path(axes.curve(times[::4], path[::4]), "line faint fake")
    stops = (0.9, 0.575, 0.25)
    for a, b in zip(stops, stops[1:], strict=False):
        c.arrow(axes.at(a, on(a)), axes.at(b, on(b)), css="flow", gap=5)
    c.arrow(axes.at(stops[0], on(stops[0])), axes.at(stops[2], on(stops[2])), css="pull", gap=6)
    for time, said in zip(stops, ("$t$", "$t−d$", "$t−2d$"), strict=True):
        c.path([axes.at(time, -0.42), axes.at(time, on(time))], "thin dash")
        c.text(axes.at(time, 0)[0], 221, said)
        c.fake(axes.at(time, on(time)))
    panels.append(
        Panel(
            c,
            t(
                "The same path with three points. Two short steps follow it, one long step joins "
                "the first point to the last.",
                "Le même chemin avec trois points. Deux petits pas le suivent, un grand relie le "
                "premier point au dernier.",
            ),
        )
    )
    return Drawing(panels, t(
        "One exact path, seen by two methods. A velocity is right for a tiny step; a long step "
        "needs the mean velocity between two times, the slope of the chord (green). MeanFlow finds "
        "it from an identity, shortcut models from two of their own steps of half the size.",
        "Un même chemin exact, vu par deux méthodes. Une vitesse vaut pour un pas infime ; un "
        "grand pas demande la vitesse moyenne entre deux temps, pente de la corde (en vert). "
        "MeanFlow la tire d’une identité, les raccourcis de deux de leurs propres pas, moitié "
        "moins longs.",
    ))  # fmt: skip
