"""What goes from cell to cell: transposed convolution, causal masks, tokens and scales."""

from __future__ import annotations

import numpy as np

from drawings.canvas import Canvas, Image
from drawings.digits import digit
from drawings.sheet import Drawing, Panel, Tongue


def overlaps(inputs: int, kernel: int, stride: int = 2) -> np.ndarray:
    """How many input values reach each output of a transposed convolution along one axis."""
    reached = np.zeros((inputs - 1) * stride + kernel, dtype=int)
    for i in range(inputs):
        reached[i * stride : i * stride + kernel] += 1
    return reached


def transposed(t: Tongue) -> Drawing:
    """One value spreads over a patch; how many patches meet in each pixel."""
    panels = []
    for kernel in (3, 4):
        c = Canvas(250)
        counts = np.outer(overlaps(3, kernel), overlaps(3, kernel))
        c.text(
            8,
            15,
            t(f"kernel {kernel} × {kernel}, stride 2", f"noyau {kernel} × {kernel}, pas de 2"),
            "name",
            "start",
        )
        small, side = 24.0, 26.0
        for row, column in np.ndindex(3, 3):
            css = "area real" if (row, column) == (1, 1) else "area quiet"
            c.add("rect", css, x=8 + column * small, y=90 + row * small, width=small, height=small)
            c.box(8 + column * small, 90 + row * small, small, small, css="frame")
        left, top = 130.0, 32.0
        for (row, column), count in np.ndenumerate(counts):
            css = {1: "area quiet", 2: "area more", 4: "area most"}[int(count)]
            x, y = left + column * side, top + row * side
            c.add("rect", css, x=x, y=y, width=side, height=side)
            c.text(x + side / 2, y + side / 2 + 4.5, str(count))
        patch = (left + 2 * side, top + 2 * side, kernel * side)
        c.box(patch[0], patch[1], patch[2], patch[2], css="frame real")
        for corner, end in (
            ((32 + small, 90 + small), (patch[0], patch[1])),
            ((32 + small, 90 + 2 * small), (patch[0], patch[1] + patch[2])),
        ):
            c.line(corner, end, "line faint real")
        c.text(44, 182, t("input", "entrée"), "quiet")
        panels.append(
            Panel(
                c,
                t(
                    f"A 3 × 3 input and its output for a kernel of {kernel}: the middle input "
                    f"value reaches a square of {kernel} × {kernel} output pixels. In each output "
                    f"pixel stands how many input values reach it.",
                    f"Une entrée 3 × 3 et sa sortie pour un noyau de {kernel} : la valeur du "
                    f"milieu atteint un carré de {kernel} × {kernel} pixels. Dans chaque pixel "
                    f"figure le nombre de valeurs qui l’atteignent.",
                ),
            )
        )
    return Drawing(panels, t(
        "A transposed convolution spreads each input value over a patch of the output; patches add "
        "up where they meet. The numbers count the patches. With a kernel of 3 and a stride of 2 "
        "they form a chequerboard, which images may inherit; with a kernel of 4 every inner pixel "
        "is reached equally often.",
        "Une convolution transposée étale chaque valeur d’entrée sur un morceau de la sortie ; là "
        "où les morceaux se rencontrent, ils s’ajoutent. Les nombres les comptent. Avec un noyau "
        "de 3 et un pas de 2, ils dessinent un damier, dont les images peuvent hériter ; avec un "
        "noyau de 4, chaque pixel intérieur est atteint aussi souvent.",
    ))  # fmt: skip


def seen(side: int, at: tuple[int, int], layers: int) -> np.ndarray:
    """Which pixels a pixel sees through masked 3x3 convolutions: the first without its centre."""
    above = [(-1, -1), (-1, 0), (-1, 1), (0, -1)]
    reached, fringe = np.zeros((side, side), dtype=bool), {at}
    for layer in range(layers):
        steps = above if layer == layers - 1 else [*above, (0, 0)]
        fringe = {
            (r + dr, k + dk) for r, k in fringe for dr, dk in steps
            if 0 <= r + dr < side and 0 <= k + dk < side
        }  # fmt: skip
    for r, k in fringe:
        reached[r, k] = True
    return reached


SIDE, AT, LAYERS = 11, (6, 5), 7


def mask(t: Tongue) -> Drawing:
    """The past of a pixel, seen by masked convolutions and by masked attention."""
    c, side = Canvas(262), 19.0
    c.text(8, 15, t("masked convolutions", "convolutions masquées"), "name", "start")
    sees = seen(SIDE, AT, LAYERS)
    for row, column in np.ndindex(SIDE, SIDE):
        x, y = 8 + column * side, 28 + row * side
        past = (row, column) < AT
        css = "area aim" if (row, column) == AT else "area real" if sees[row, column] else ""
        if css:
            c.add("rect", css, x=x, y=y, width=side, height=side)
        elif past:
            c.path([(x + 4, y + side - 4), (x + side - 4, y + 4)], "line fake")
            c.path([(x + 4, y + 4), (x + side - 4, y + side - 4)], "line fake")
        c.box(x, y, side, side, css="grid")
    c.text(8 + (AT[1] + 0.5) * side, 28 + (AT[0] + 0.5) * side + 4.5, "?", "name")
    legend = (("real", t("seen", "vu")), ("fake", t("blind spot", "angle mort")))
    for row, (css, said) in enumerate(legend):
        c.text(232, 60 + 22 * row, said, css, "start")
    c.text(232, 200, t("not yet", "pas encore"), "quiet", "start")
    c.text(232, 216, t("drawn", "dessiné"), "quiet", "start")
    return Drawing([
        Panel(c, t(
            "A grid of pixels, one of them being predicted. Of the pixels above it and to its left "
            "most are seen; a wedge to the upper right is never reached; those below are not drawn "
            "yet.",
            "Une grille de pixels, dont l’un est à prédire. De ceux d’au-dessus et de gauche, la "
            "plupart sont vus ; un coin en haut à droite n’est jamais atteint ; ceux d’en dessous "
            "ne sont pas encore dessinés.",
        )),
        _attention(t),
    ], t(
        f"Causality, twice. First: what a pixel sees through {LAYERS} layers of 3 × 3 convolutions "
        f"without their future half: "
        "everything before it, but for a blind spot that no number of layers opens. Second: "
        "attention with a triangular mask has no blind spot. Each row may look at the columns that "
        "are shaded.",
        f"La causalité, deux fois. D’abord ce qu’un pixel voit à travers {LAYERS} couches de "
        f"convolutions 3 × 3 privées de leur "
        "moitié future : tout ce qui le précède, sauf un angle mort qu’aucun nombre de couches "
        "n’ouvre. Ensuite l’attention à masque triangulaire n’en a pas. Chaque ligne peut regarder "
        "les colonnes grisées.",
    ))  # fmt: skip


def _attention(t: Tongue) -> Panel:
    c, side, n = Canvas(262), 29.0, 6
    c.text(8, 15, t("masked attention", "attention masquée"), "name", "start")
    left, top = 130.0, 62.0
    c.text(left + side * n / 2, 34, t("looks at", "regarde"), "quiet")
    c.text(96, top + side * n / 2 + 4, t("predicts", "prédit"), "quiet", "end")
    for row, column in np.ndindex(n, n):
        x, y = left + column * side, top + row * side
        if column <= row:
            c.add("rect", "area real", x=x, y=y, width=side, height=side)
        c.box(x, y, side, side, css="grid")
    for i in range(n):
        shown = f"$x_{i}$" if i else t("start", "début")
        c.text(left + (i + 0.5) * side - (6 if i == 0 else 0), top - 8, shown)
        c.text(left - 8, top + (i + 0.5) * side + 5, f"$x_{i + 1}$", anchor="end")
    return Panel(c, t(
        "A lower triangular table: the row that predicts x1 looks at the start only, the next at "
        "the start and x1, and so on.",
        "Un tableau triangulaire inférieur : la ligne qui prédit x1 ne regarde que le début, la "
        "suivante le début et x1, et ainsi de suite.",
    ))  # fmt: skip


def mixed(t: Tongue) -> Drawing:
    """Words see what came before; the patches of a picture also see each other."""
    c, side = Canvas(286), 25.0
    kinds = "wwwppppww"
    left, top = 74.0, 40.0
    for row, column in np.ndindex(9, 9):
        x, y = left + column * side, top + row * side
        if column <= row or kinds[row] == kinds[column] == "p":
            css = "area fake" if kinds[row] == "p" else "area real"
            c.add("rect", css, x=x, y=y, width=side, height=side)
        c.box(x, y, side, side, css="grid")
    numbers = (1, 2, 3, 1, 2, 3, 4, 4, 5)
    for i, (kind, number) in enumerate(zip(kinds, numbers, strict=True)):
        css = "fake" if kind == "p" else "real"
        c.text(left + (i + 0.5) * side, top - 10, f"${kind}_{number}$", css)
        c.text(left - 10, top + (i + 0.5) * side + 4, f"${kind}_{number}$", css, "end")
    c.box(left + 3 * side, top + 3 * side, 4 * side, 4 * side, css="frame fake")
    return Drawing([Panel(c, t(
        "A square table of three words, four patches and two words. Below its diagonal all is "
        "shaded; in addition the square of the patches is shaded as a whole.",
        "Un tableau carré de trois mots, quatre pavés et deux mots. Sous la diagonale, tout est "
        "grisé ; le carré des pavés l’est en outre en entier.",
    ))], t(
        "Which row may look at which column in a transformer that writes and draws. Words \\(w\\) "
        "see what came before; the patches \\(p\\) of a picture also see each other, since they "
        "are denoised together.",
        "Quelle ligne peut regarder quelle colonne dans un transformeur qui écrit et dessine. Les "
        "mots \\(w\\) voient ce qui précède ; les pavés \\(p\\) d’une image se voient aussi entre "
        "eux, puisqu’on les débruite ensemble.",
    ))  # fmt: skip


def shrunk(image: Image, side: int) -> Image:
    """Means over equal squares."""
    step = image.shape[0] // side
    return image.reshape(side, step, side, step).mean((1, 3))


def scales(t: Tongue) -> Drawing:
    """The next token, or the next scale."""
    image = digit("4", 16)
    tokens = shrunk(image, 8)
    first = Canvas(176)
    first.text(
        8,
        15,
        t(f"token by token: {tokens.size} passes", f"jeton par jeton : {tokens.size} passes"),
        "name",
        "start",
    )
    for place, known in enumerate((13, 29, 45)):
        x = 8.0 + 116 * place
        part = np.where(np.arange(tokens.size).reshape(tokens.shape) < known, tokens, 0)
        first.raster(part, x, 48, 100)
        row, column = divmod(known, 8)
        first.box(x + column * 12.5, 48 + row * 12.5, 12.5, 12.5, css="frame aim")
        if place:
            first.arrow((x - 14, 98), (x - 2, 98))
    second = Canvas(176)
    sides = (1, 2, 4, 8, 16)
    second.text(
        8,
        15,
        t(f"scale by scale: {len(sides)} passes", f"échelle par échelle : {len(sides)} passes"),
        "name",
        "start",
    )
    sizes = (30, 42, 54, 68, 84)
    x = 8.0
    for number, (side, size) in enumerate(zip(sides, sizes, strict=True)):
        second.raster(shrunk(image, side), x, 98 - size / 2, size)
        second.text(x + size / 2, 164, f"{side}²")
        if number:
            second.arrow((x - 13, 98), (x - 2, 98))
        x += size + 14
    return Drawing([
        Panel(first, t(
            "The same digit three times, a quarter, a half and most of its tokens drawn, line by "
            "line; the next token is marked.",
            "Le même chiffre trois fois, dont un quart, la moitié puis l’essentiel des jetons sont "
            "dessinés ligne par ligne ; le suivant est marqué.",
        )),
        Panel(second, t(
            "The same digit at 1, 2, 4, 8 and 16 pixels a side, each leading to the next.",
            "Le même chiffre sur 1, 2, 4, 8 et 16 pixels de côté, chacun menant au suivant.",
        )),
    ], t(
        "Two orders for the same product of probabilities. First: each token given those before "
        "it. Second: each whole map, all of its places at once, given all coarser ones.",
        "Deux ordres pour le même produit de probabilités. D’abord chaque jeton sachant les "
        "précédents. Ensuite chaque carte entière, toutes ses places à la fois, sachant toutes les "
        "plus grossières.",
    ))  # fmt: skip
