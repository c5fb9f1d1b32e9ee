"""What stands on each slide: the argument, in the order of the texts."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from PIL import Image

from imggen.system.errors import UserError
from slides.claims import check
from slides.findings import Findings
from slides.look import BOTTOM, MARGIN, TOP, WIDE, mixed
from slides.model import Box, Drawing, Item, Picture, Png, Slide, Table, Text
from slides.published import Published, cells, frame, png, whole
from slides.results import Results
from slides.words import Words

Items = list[tuple[Box, Item]]
DIGITS = 58
"""Pixels from one digit to the next in a published grid."""
FULL = Box(MARGIN, TOP, WIDE - 2 * MARGIN, BOTTOM - TOP)
WAY = (0, 1 / 6, 1 / 3, 1 / 2, 2 / 3, 5 / 6, 1)
"""From a digit to noise: where it is shown."""
PAPERS = (
    ("GAN", "GAN", "goodfellow2014gan", "gan"),
    ("GAN", "DCGAN", "radford2015dcgan", "dcgan"),
    ("GAN", "WGAN, -GP", "gulrajani2017wgangp", "wgan_gp"),
    ("GAN", "SNGAN, R1", "miyato2018sngan", "sngan"),
    ("GAN", "StyleGAN", "karras2019stylegan", ""),
    ("GAN", "R3GAN", "huang2024r3gan", "r3gan"),
    ("VAE", "VAE", "kingma2014vae", "vae"),
    ("VAE", "VQ-VAE", "oord2017vqvae", ""),
    ("autoregressive", "PixelCNN", "oord2016pixelrnn", "pixelcnn"),
    ("autoregressive", "VAR", "tian2024var", ""),
    ("diffusion", "Diffusion", "sohldickstein2015", ""),
    ("diffusion", "DDPM", "ho2020ddpm", "ddpm"),
    ("diffusion", "EDM", "karras2022edm", "edm"),
    ("flow", "NICE", "dinh2015nice", ""),
    ("flow", "Real NVP", "dinh2017realnvp", ""),
    ("flow", "Glow", "kingma2018glow", ""),
    ("flow", "Flow matching", "lipman2023flow", "flow_matching"),
    ("one-step", "Consistency", "song2023consistency", "consistency"),
    ("one-step", "MeanFlow", "geng2025meanflow", "mean_flow"),
    ("one-step", "Drifting", "deng2026drifting", "drifting"),
)
"""Family, name, key in references.bib, and our file of it where there is one."""


class Story:
    """The slides in one language."""

    def __init__(self, words: Words) -> None:
        self.words, self.published = words, words.published

    def slides(self) -> list[Slide]:
        """All slides in order. Raises: UserError where a published file is missing."""
        check(self.published)
        keys = [key for key in self.words.texts if key != "handout"]
        return [self.slide(key) for key in keys]

    def slide(self, key: str) -> Slide:
        """One slide: its texts, and what its own function puts on it."""
        w = self.words
        rooms = (self, Results(w), Findings(w))
        made: Callable[[], Items] = next(getattr(r, key) for r in rooms if hasattr(r, key))
        return Slide(
            key,
            w(key, "title"),
            w(key, "lead"),
            made(),
            w(key, "notes"),
            f"{w.texts['title']['source']} {w(key, 'sources')}",
        )

    def points(self, key: str, box: Box, size: float = 17) -> tuple[Box, Item]:
        """The short list of a slide."""
        return box, Text(self.words.many(key, "points"), size, bullets=True, gap=8)

    def samples(self, slug: str, rows: range, columns: range, file: str = "samples.png") -> Png:
        """Some images of a published grid of digits."""
        return cells(self.published.picture(slug, file), DIGITS, rows, columns)

    def title(self) -> Items:
        w = self.words
        picture = self.samples("cgan-mnist", range(10), range(10))
        return [
            (Box(MARGIN, 3.85, 5.5, 1.9), Text([w("title", "subtitle")], 20, "quiet")),
            (Box(MARGIN, 6.35, 5.7, 0.6), Text([w("title", "context")], 14, "quiet")),
            (Box(6.75, 0.45, 6.1, 6.6), Picture(picture, w("title", "alt"), w("title", "caption"))),
        ]

    def need(self) -> Items:
        return [(Box(MARGIN, 2.1, FULL.w, 4.4), Drawing("line", self.words.labels("need")))]

    def objectives(self) -> Items:
        rows = [self.words.many("objectives", "head"), *self.words.table("objectives", "rows")]
        states = list(self.words.texts["title"]["states"].values())
        inks = dict(zip(states, ("good", "family-3", "bad"), strict=True))
        fills = {(r, 1): mixed(inks[row[1]], 0.25) for r, row in enumerate(rows) if r}
        return [(FULL, Table(rows, (4.6, 1.3, 6), 16, fills))]

    def families(self) -> Items:
        return [(FULL, Drawing("families", self.words.labels("families")))]

    def history(self) -> Items:
        years = _years(self.published)
        built = {path.stem for path in (self.published.docs.parent / "imggen/methods").glob("*.py")}
        labels = {**self.words.labels("history"), "first": "2013", "last": "2026"}
        by_lane = {"GAN": 1, "VAE": 1}  # their first names above the line
        for lane, name, key, file in PAPERS:
            by_lane[lane] = by_lane.get(lane, 0) + 1
            mark = "yes" if file in built else "no"
            above = "^" if by_lane[lane] % 2 == 0 else ""
            labels[f"paper {lane}{name}{above}"] = f"{lane}:{name}:{mark}:{years[key]}"
        return [(FULL, Drawing("timeline", labels))]

    def choice(self) -> Items:
        rows = [self.words.many("choice", "head"), *self.words.table("choice", "rows")]
        fills = {(r, 1): mixed("link", 0.12) for r in range(1, len(rows))}
        return [
            (Box(MARGIN, 1.85, FULL.w, 3.5), Table(rows, (3, 3.4, 2.8, 2.8), 15, fills)),
            (Box(MARGIN, 5.72, FULL.w, 1.05), Text([self.words("choice", "verdict")], 17)),
        ]

    def gan(self) -> Items:
        w = self.words
        moments = self.published.picture("dcgan-mnist", "training.gif")
        parts = {
            "fake": self.samples("dcgan-mnist", range(2, 3), range(2, 3)),
            "real": self.samples("vae-mnist", range(0, 1), range(0, 1), "reconstructions.png"),
        }
        return [
            (Box(MARGIN, 1.8, 5.9, 3.6), Drawing("gan", w.labels("gan"), parts)),
            self.points("gan", Box(MARGIN, 5.62, 6.2, 1.2), 15),
            (
                Box(7.2, 1.85, 5.45, 4.95),
                Picture(partial(_strips, moments), w("gan", "alt"), w("gan", "caption")),
            ),
        ]

    def vae(self) -> Items:
        w = self.words
        plan = self.published.picture("vae-mnist-2d", "manifold.png")
        file = "reconstructions.png"
        parts = {
            "real": self.samples("vae-mnist", range(0, 1), range(1, 2), file),
            "again": self.samples("vae-mnist", range(1, 2), range(1, 2), file),
        }
        return [
            (Box(MARGIN, 1.95, 6.8, 3.4), Drawing("vae", w.labels("vae"), parts)),
            self.points("vae", Box(MARGIN, 5.5, 6.8, 1.25), 16),
            (
                Box(7.85, 1.85, 4.8, 4.95),
                Picture(whole(plan), w("vae", "alt"), w("vae", "caption")),
            ),
        ]

    def diffusion(self) -> Items:
        w, grid = self.words, self.published.picture("ddpm-mnist", "samples.png")
        strip = {str(at): partial(_noised, grid, share) for at, share in enumerate(WAY)}
        flow = self.samples("flow-matching-mnist", range(10), range(10))
        return [
            (Box(MARGIN, 2.1, 7.4, 2.6), Drawing("noise", w.labels("diffusion"), strip)),
            self.points("diffusion", Box(MARGIN, 4.95, 7.3, 1.8)),
            (Box(8.45, 1.85, 4.2, 4.95),
             Picture(flow, w("diffusion", "alt"), w("diffusion", "caption"))),
        ]  # fmt: skip

    def method(self) -> Items:
        return [
            (Box(MARGIN, 2.05, FULL.w, 2.6), Drawing("pipeline", self.words.labels("method"))),
            self.points("method", Box(MARGIN, 5.1, FULL.w, 1.6), 18),
        ]

    def restart(self) -> Items:
        return [
            (Box(MARGIN, 2.05, FULL.w, 2.5), Drawing("restart", self.words.labels("restart"))),
            self.points("restart", Box(MARGIN, 4.75, FULL.w, 2.0), 17),
        ]

    def protocol(self) -> Items:
        return [
            (Box(MARGIN, 2.2, 7.9, 3.75), Drawing("protocol", self.words.labels("protocol"))),
            self.points("protocol", Box(9.0, 2.15, 3.65, 4.5), 17),
        ]


def _strips(moments: Image.Image) -> bytes:
    """Two lines of digits at four moments of a training, below each other."""
    rows = Image.new("L", (466, 4 * 126 - 8), "white")
    for place in range(4):
        rows.paste(frame(moments, place / 3).crop((0, 0, 466, 118)), (0, place * 126))
    return png(rows.resize((rows.width * 2, rows.height * 2), Image.Resampling.NEAREST))


def _noised(grid: Image.Image, share: float) -> bytes:
    """The first 5 of a grid at a share of the way to noise, by a cosine schedule."""
    digit = grid.crop((2, 2 + 5 * DIGITS, 58, 58 + 5 * DIGITS)).resize((28, 28), 4)
    x = np.asarray(digit, dtype=float) / 127.5 - 1
    noise = np.random.default_rng(0).standard_normal(x.shape)
    mixture = np.cos(share * np.pi / 2) * x + np.sin(share * np.pi / 2) * noise
    pixels = ((mixture + 1) * 127.5).clip(0, 255).astype(np.uint8)
    return png(Image.fromarray(pixels).resize((224, 224), Image.Resampling.NEAREST))


def _years(published: Published) -> dict[str, str]:
    """By key of PAPERS: the year of a reference. Raises: UserError where it has none."""
    found = {key: published.years.get(key, "") for _, _, key, _ in PAPERS}
    for _, name, key, _ in PAPERS:
        if not found[key]:
            raise UserError(
                f"The slides need the year of {name}: give {key} one in {published.bib}."
            )
    return found
