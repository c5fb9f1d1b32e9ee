"""Codes for images: the nearest of a codebook, and a small space in which to diffuse."""

from __future__ import annotations

import numpy as np

from drawings.canvas import Canvas, Image, Point
from drawings.digits import digit, noise, shown
from drawings.sheet import Drawing, Panel, Tongue


def nearest(points: Image, codes: Image) -> np.ndarray:
    """The number of the nearest code for each point."""
    return ((points[:, None] - codes[None]) ** 2).sum(-1).argmin(1)


def lloyd(points: Image, k: int, seed: int, rounds: int = 30) -> Image:
    """k codes for points, by Lloyd's algorithm."""
    codes = points[np.random.default_rng(seed).choice(len(points), k, replace=False)].copy()
    for _ in range(rounds):
        chosen = nearest(points, codes)
        for code in range(k):
            if (chosen == code).any():
                codes[code] = points[chosen == code].mean(0)
    return codes


def cell(codes: Image, code: int, box: tuple[float, float, float, float]) -> list[Point]:
    """The Voronoi cell of a code inside a box: the box, cut by one bisector after the other."""
    x0, y0, x1, y1 = box
    shape: list[Point] = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
    for other in range(len(codes)):
        if other == code or not shape:
            continue
        normal = codes[other] - codes[code]
        limit = float(normal @ (codes[other] + codes[code]) / 2)
        kept: list[Point] = []
        for a, b in zip(shape, shape[1:] + shape[:1], strict=True):
            da, db = float(normal @ np.array(a)) - limit, float(normal @ np.array(b)) - limit
            if da <= 0:
                kept.append(a)
            if da * db < 0:
                s = da / (da - db)
                kept.append((a[0] + s * (b[0] - a[0]), a[1] + s * (b[1] - a[1])))
        shape = kept
    return shape


def codebook(t: Tongue) -> Drawing:
    """Continuous codes snap to the nearest of a few; an image becomes a table of numbers."""
    c = Canvas(232)
    rng = np.random.default_rng(11)
    points = np.stack([rng.uniform(22, 328, 26), rng.uniform(40, 212, 26)], 1)
    codes = lloyd(points, 7, 1)
    c.text(
        8, 15, t("snapped to the nearest code", "ramené au code le plus proche"), "name", "start"
    )
    for code in range(len(codes)):
        c.path(cell(codes, code, (8, 28, 342, 224)), "grid", closed=True)
    for point, code in zip(points, nearest(points, codes), strict=True):
        c.line(tuple(point), tuple(codes[code]), "thin")
        c.real(tuple(point), 3.4)
    for x, y in codes:
        c.add("rect", "fill aim", x=float(x - 5), y=float(y - 5), width=10, height=10)
    image = digit("3")
    patches = image.reshape(7, 2, 7, 2).swapaxes(1, 2).reshape(49, 4)
    book = lloyd(patches, 6, 4)
    book = book[np.argsort(book.sum(1))]
    chosen = nearest(patches, book)
    d = Canvas(232)
    d.text(
        8, 15, t("an image as 49 code numbers", "une image en 49 numéros de code"), "name", "start"
    )
    d.raster(image, 8, 84, 76, "real")
    for place, code in enumerate(chosen):
        row, column = divmod(place, 7)
        x, y = 98 + column * 22, 45 + row * 22
        if code:
            d.add("rect", "area aim", x=x, y=y, width=22, height=22)
        d.box(x, y, 22, 22, css="grid")
        d.text(x + 11, y + 15.5, str(code), "" if code else "quiet")
    rebuilt = book[chosen].reshape(7, 7, 2, 2).swapaxes(1, 2).reshape(14, 14)
    d.raster(rebuilt, 266, 84, 76, "fake")
    return Drawing([
        Panel(c, t(
            "Discs in a plane that is cut into seven cells, one around each code (squares). A line "
            "joins each disc to the code of its cell.",
            "Des disques dans un plan découpé en sept cellules, une autour de chaque code "
            "(carrés). Un trait relie chaque disque au code de sa cellule.",
        )),
        Panel(d, t(
            "A digit, a table of seven by seven code numbers, and the digit rebuilt from them, a "
            "little coarser.",
            "Un chiffre, un tableau de sept par sept numéros de code, et le chiffre reconstruit, "
            "un peu plus grossier.",
        )),
    ], t(
        "First: what an encoder gives (discs) is replaced by the nearest entry of a codebook "
        "(squares), which learns to lie where it is needed. Second: a digit in patches of 2 × 2 "
        "pixels, each replaced by one of six, is a table of numbers, which a model of sequences "
        "can learn.",
        "En premier, ce que donne un encodeur (disques) est remplacé par l’entrée la plus proche "
        "d’un dictionnaire (carrés), qui apprend à se placer là où il sert. En second, un chiffre "
        "en pavés de 2 × 2 pixels, chacun remplacé par l’un de six, devient un tableau de nombres, "
        "qu’un modèle de suites sait apprendre.",
    ))  # fmt: skip


def latent_diffusion(t: Tongue) -> Drawing:
    """Compress, denoise in the small space as a prompt asks, decompress once."""
    c = Canvas(250)
    image = digit("7", 28)
    small = image.reshape(7, 4, 7, 4).mean((1, 3))
    c.raster(image, 8, 20, 84, "real")
    c.arrow((94, 62), (112, 62))
    c.box(112, 38, 38, 48, t("enc.", "enc."))
    c.arrow((150, 62), (170, 62))
    c.raster(small, 172, 40, 44)
    c.text(8, 122, t("once, to train", "une fois, pour apprendre"), "quiet", "start")
    c.line((8, 132), (342, 132), "grid")
    c.raster(shown(noise(8, 7) * 0.8), 8, 172, 44)
    for i, x in enumerate((63, 157)):
        c.arrow((x - 10, 194), (x, 194))
        c.box(x, 172, 30, 44, t("net", "rés."))
        mixed = (0.6, 1.0)[i] * (2 * small - 1) + (0.55, 0.0)[i] * noise(8, 7)
        c.arrow((x + 30, 194), (x + 40, 194))
        c.raster(shown(mixed), x + 41, 172, 44)
        c.arrow((125, 160), (x + 15, 160), (x + 15, 171), css="pull")
    c.text(125, 154, t("prompt", "texte"), "aim")
    c.arrow((242, 194), (252, 194))
    c.box(252, 172, 36, 44, t("dec.", "déc."))
    c.arrow((288, 194), (297, 194))
    c.raster(image, 298, 172, 44, "fake")
    c.text(
        8,
        242,
        t("many passes here, few pixels", "beaucoup de passes, peu de pixels"),
        "quiet",
        "start",
    )
    return Drawing([Panel(c, t(
        "Above: an image of 28 × 28 is encoded into 7 × 7 values. Below: noise of 7 × 7 is "
        "denoised in several passes by a network that also sees a prompt; the result is decoded "
        "once into 28 × 28 pixels.",
        "En haut, une image de 28 × 28 est encodée en 7 × 7 valeurs. En bas, un bruit de 7 × 7 est "
        "débruité en plusieurs passes par un réseau qui voit aussi un texte ; le résultat est "
        "décodé une fois, en 28 × 28 pixels.",
    ))], t(
        "Latent diffusion. An autoencoder takes away what no eye would miss; the expensive walk "
        "from noise happens in the small space, with the prompt looked at in each pass; pixels are "
        "made once, at the end.",
        "La diffusion latente. Un auto-encodeur retire ce dont aucun œil ne s’apercevrait ; la "
        "longue marche depuis le bruit se fait dans le petit espace, le texte étant consulté à "
        "chaque passe ; les pixels ne sont faits qu’une fois, à la fin.",
    ))  # fmt: skip
