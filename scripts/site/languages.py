"""Two languages in one site: which pages belong together, and what French pages call things."""

from __future__ import annotations

import re
from typing import NamedTuple

PAIRS = (
    ("index.md", "fr/index.md"),
    ("presentation.md", "fr/presentation.md"),
    ("state-of-the-art/index.md", "fr/etat-de-l-art.md"),
    ("state-of-the-art/which-one.md", "fr/quelle-methode.md"),
)
"""An English page and the French one that says the same. Each links to the other, for readers and
in the head of the page. Add a pair here when its second page is written, nowhere else."""

OTHER = {"en": ("fr", "Cette page en français"), "fr": ("en", "This page in English")}
"""By a page's language: the other one, and the link to it in the words of that one."""


class Counterpart(NamedTuple):
    """The page in the other language."""

    uri: str
    language: str
    words: str


def counterpart(uri: str, language: str) -> Counterpart | None:
    """The page that says the same in the other language, where there is one."""
    other, words = OTHER[language]
    for english, french in PAIRS:
        if uri in (english, french):
            return Counterpart(french if uri == english else english, other, words)
    return None


DATASETS = {"cifar10_jpeg": "copies JPEG de CIFAR-10", "digits": "chiffres de 8 pixels de côté"}
"""Names of datasets that are no proper names."""

CAPTIONS = {
    "samples": "Échantillons au hasard de la graine 0, aucun écarté.",
    "interpolation": "Promenades sphériques entre des codes latents tirés au hasard.",
    "training": "Les mêmes codes latents au fil de l’entraînement.",
    "curves": "Statistiques de l’entraînement selon le nombre d’images vues.",
    "manifold": "Les deux dimensions latentes, aux quantiles de la loi a priori.",
    "completions": "Des images de test, leur moitié supérieure, et dessous, comment la méthode les "
    "continue.",
    "surprisals": "Des images de test en noir et blanc, et dessous ce que chaque partie a coûté, "
    "connaissant les précédentes.",
    "damage": "Un chiffre sous le flou (en haut), le bruit et JPEG (en bas).",
    "asked": "Les mêmes latents dans chaque colonne\u00a0; une ligne par réglage, dans l’ordre "
    "de la courbe.",
    "trade": "La cohérence contre la variété, chaque réglage avec ses intervalles à "
    "95\u00a0%\u00a0; la croix est ce qu’obtiennent de vraies images d’entraînement.",
}
"""By kind of figure; on a French page other kinds keep their English caption, marked as such."""


TITLES = {
    " on ": " sur ",
    "Conditional GAN": "GAN conditionnel",
    "SNGAN with projection": "SNGAN à projection",
    "VAE with two latents": "VAE à deux latents",
    "Guidance of a flow": "Guidage d’un flot",
    "Truncation of SNGAN's latents": "Latents de SNGAN tronqués",
}
"""What titles of experiments say in French."""


def captioned(title: str, kind: str, english: str) -> str:
    """The caption of a figure on a French page."""
    shown = title
    for english_words, french_words in TITLES.items():
        shown = shown.replace(english_words, french_words)
    stop = "" if shown.endswith("?") else "."
    caption = CAPTIONS.get(kind, english)
    return f"{shown}{stop} {caption}"


MADE = {"en": "How this was made", "fr": "Comment cette figure a été faite"}

LABELS = (
    ('role="dialog" aria-label="Search"', 'role="dialog" aria-label="Recherche"'),
    ('md-nav--primary" aria-label="Post"', 'md-nav--primary" aria-label="Menu"'),
    ("Switch to dark", "Passer au thème sombre"),
    ("Switch to light", "Passer au thème clair"),
    ("Link to this section", "Lien vers cette section"),
    ("MIT licence. Pictures and numbers are made by the code of this repository.",
     "Licence MIT. Images et nombres sont faits par le code de ce dépôt."),
)  # fmt: skip
"""What stands around a page apart from the theme's own labels, which the theme translates."""


TABS = {
    "Home": "Accueil",
    "Posts": "Articles",
    "State of the art": "État de l’art",
    "Results": "Résultats",
    "Methods": "Méthodes",
    "Notebook": "Carnet",
    "Reference": "Référence",
}
"""Sections of the site in tabs and menu; the others are called alike in both languages."""
TAB = re.compile(
    r'(class="md-tabs__link">|class="md-ellipsis">|<span class="md-nav__icon md-icon"></span>)'
    rf"(\s*)({'|'.join(TABS)})(\s*<)"
)


def labelled(output: str) -> str:
    """A French page's HTML with French labels around its text."""
    for english, french in LABELS:
        output = output.replace(english, french)
    return TAB.sub(lambda found: found[1] + found[2] + TABS[found[3]] + found[4], output)


def french_typeset(text: str) -> str:
    """Plain text with the apostrophes and spaces that French printers use."""
    text = text.replace("'", "’").replace("« ", "«\u00a0")
    return re.sub(r" (?=[:;!?»%])", "\u00a0", text)


ONE_NUMBER = r"[-−]?\d[\d,]*(\.\d+)?(e[-+]?\d+)?"
INTERVAL = rf'( (<span class="interval">)?\[{ONE_NUMBER}, {ONE_NUMBER}\](</span>)?)?'
NUMBER = re.compile(rf"{ONE_NUMBER}{INTERVAL}( ?[A-Za-z%]+)?")
"""A number, perhaps with its interval, perhaps with its unit, and nothing else."""


def french_number(text: str) -> str:
    """A number of a macro as French writes it: 0,47 [0,34 ; 0,61], 10 000.

    What is not a number (a version, a name) stays as it is.
    """
    if not NUMBER.fullmatch(text):
        return text
    text = re.sub(r"(?<=\d), (?=-?\d)", "\u00a0; ", text)
    text = re.sub(r"(?<=\d),(?=\d{3})", "\u00a0", text)
    return re.sub(r"(?<=\d)\.(?=\d)", ",", text)
