"""How sets of images are compared: balls around points, and two moments that miss a shape."""

from __future__ import annotations

import numpy as np

from drawings.canvas import Canvas, Image
from drawings.sheet import Drawing, Panel, Tongue

K = 3


def radii(points: Image) -> np.ndarray:
    """Distance of each point to its k-th nearest neighbour in the same set."""
    gaps = np.linalg.norm(points[:, None] - points[None], axis=-1)
    return np.sort(gaps, axis=1)[:, K]


def inside(points: Image, centres: Image) -> np.ndarray:
    """Which points lie in a ball around one of the centres."""
    gaps = np.linalg.norm(points[:, None] - centres[None], axis=-1)
    return (gaps < radii(centres)[None]).any(1)


def two_sets() -> tuple[Image, Image]:
    """Real points in three groups; generated ones in two of them, and two of them astray."""
    rng = np.random.default_rng(2)
    groups = np.array([(84, 98), (250, 92), (180, 208)])
    real = np.concatenate([rng.normal(g, (19, 14), (6, 2)) for g in groups])
    fake = np.concatenate([rng.normal(g, (15, 11), (8, 2)) for g in groups[:2]])
    return real, np.concatenate([fake, np.array([(92, 170), (262, 172)])])


def balls(t: Tongue) -> Drawing:
    """Precision and recall."""
    real, fake = two_sets()
    panels = []
    for precision in (True, False):
        centres, others = (real, fake) if precision else (fake, real)
        kind, other = ("real", "fake") if precision else ("fake", "real")
        c = Canvas(270)
        found = inside(others, centres)
        name = t("precision", "précision") if precision else t("recall", "rappel")
        said = f"{name} {found.sum()}/{len(found)}"
        c.text(8, 15, said, "name", "start")
        for (x, y), radius in zip(centres, radii(centres), strict=True):
            c.circle((x, y), min(float(radius), 400), f"ball {kind}")
        for x, y in centres:
            (c.real if kind == "real" else c.fake)((float(x), float(y)), 2.6)
        for (x, y), hit in zip(others, found, strict=True):
            (c.real if other == "real" else c.fake)((float(x), float(y)))
            if not hit:
                c.circle((float(x), float(y)), 9, "line " + other)
        panels.append(
            Panel(
                c,
                t(
                    f"{said}. Balls around {'real' if precision else 'generated'} points; of the "
                    f"other set's points those outside all balls are ringed.",
                    f"{said}. Des boules autour des points {'vrais' if precision else 'générés'} ; "
                    f"les points de l’autre ensemble hors de toute boule sont cerclés.",
                ),
            )
        )
    return Drawing(panels, t(
        "Each ball reaches its third nearest neighbour. Precision: the share of generated points "
        "(diamonds) inside a ball of a real one. Recall: the share of real points (discs) inside a "
        "ball of a generated one. This generator has forgotten a group, and one stray pair of its "
        "points has balls so wide that they hide part of the loss.",
        "Chaque boule atteint son troisième plus proche voisin. Précision : part des points "
        "générés (losanges) dans la boule d’un vrai. Rappel : part des vrais (disques) dans la "
        "boule d’un généré. Ce générateur a oublié un groupe, et deux de ses points égarés ont des "
        "boules si larges qu’elles cachent une partie du manque.",
    ))  # fmt: skip


def matched(points: Image, like: Image) -> Image:
    """Points moved and stretched until mean and covariance are exactly those of others."""
    own, aim = (np.linalg.cholesky(np.cov(p.T)) for p in (points, like))
    return (points - points.mean(0)) @ np.linalg.inv(own).T @ aim.T + like.mean(0)


def frechet(real: Image, fake: Image) -> float:
    """The Fréchet distance of two sets through their means and covariances."""
    a, b = np.cov(real.T), np.cov(fake.T)
    roots = np.sqrt(np.clip(np.linalg.eigvals(a @ b).real, 0, None))
    return float(((real.mean(0) - fake.mean(0)) ** 2).sum() + np.trace(a + b) - 2 * roots.sum())


def ring_and_heap() -> tuple[Image, Image]:
    """Real points on a ring, and a heap with the same mean and covariance."""
    rng = np.random.default_rng(3)
    turn = 2 * np.pi * (np.arange(40) + rng.uniform(-0.3, 0.3, 40)) / 40
    real = np.stack([175 + 88 * np.cos(turn), 140 + 58 * np.sin(turn)], 1)
    real += rng.normal(0, 3, real.shape)
    return real, matched(rng.standard_normal((40, 2)), real)


def moments(t: Tongue) -> Drawing:
    """Two sets that the Fréchet distance takes for one."""
    real, fake = ring_and_heap()
    root = np.linalg.cholesky(np.cov(real.T))
    turn = np.linspace(0, 2 * np.pi, 65)
    ellipse = real.mean(0) + np.stack([np.cos(turn), np.sin(turn)], 1) @ root.T
    distance = abs(round(frechet(real, fake), 6))
    panels = []
    for points, kind in ((real, "real"), (fake, "fake")):
        c = Canvas(262)
        title = (
            t("real images", "images vraies")
            if kind == "real"
            else t(
                f"generated: Fréchet distance {distance:g}",
                f"générées : distance de Fréchet {distance:g}",
            )
        )
        c.text(8, 15, title, "name", "start")
        c.path([(float(x), float(y)) for x, y in ellipse], "line dash", closed=True)
        for x, y in points:
            (c.real if kind == "real" else c.fake)((float(x), float(y)))
        c.circle((float(points[:, 0].mean()), float(points[:, 1].mean())), 2.5, "ink")
        panels.append(
            Panel(
                c,
                title
                + ". "
                + (
                    t("Forty points on a ring.", "Quarante points sur un anneau.")
                    if kind == "real"
                    else t(
                        "Points in a heap, most of them where the ring is empty.",
                        "Des points en tas, la plupart là où l’anneau est vide.",
                    )
                ),
            )
        )
    share = inside(fake, real).mean()
    return Drawing(panels, t(
        "The Fréchet distance knows a mean and a covariance (dashed). These two sets agree in "
        "both, so it is zero, although they share no "
        f"shape. Precision, which looks at neighbours, is {share:.2f}.",
        "La distance de Fréchet connaît une moyenne et une covariance (tirets). Ces deux ensembles "
        "ont les mêmes : elle vaut zéro, alors qu’ils "
        f"n’ont pas la même forme. La précision, qui regarde les voisins, vaut "
        f"{f'{share:.2f}'.replace('.', ',')}.",
    ))  # fmt: skip
