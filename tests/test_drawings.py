"""Drawings: legible by rule, in both languages, and as exact as their captions say."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from imggen.metrics.neighbours import neighbourhoods

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts" / "site"))

from drawings import codes, grids, latents, measures, worlds
from drawings.canvas import WIDTH
from drawings.catalogue import DRAWINGS, macro
from drawings.sheet import Tongue
from macro import MacroError


@pytest.mark.parametrize("name", DRAWINGS)
def test_drawings_are_legible_and_have_words_for_who_can_not_see_them(name):
    said = {}
    for language in ("en", "fr"):
        drawing = DRAWINGS[name](Tongue(language))
        figure = drawing.figure()
        assert "\n\n" not in figure, "Markdown would end the block"
        assert not re.search(r"#[0-9a-f]{3}|rgb\(| id=", figure), "a fixed colour, or an id"
        for panel in drawing.panels:
            svg = ElementTree.fromstring(panel.canvas.svg(panel.alternative))
            assert svg.get("role") == "img" and len(svg.get("aria-label", "")) > 30
            assert panel.canvas.width == WIDTH
            sizes = [float(e.get("font-size", 12)) for e in svg.iter() if e.get("font-size")]
            assert min(sizes, default=12) >= 12, "too small on a phone"
        assert len(drawing.caption) > 80
        said[language] = figure
    assert said["en"] != said["fr"]
    assert not re.search(r" [;:!?»]", re.sub(r"<[^>]+>", "", said["fr"]))


def test_an_unknown_drawing_is_refused():
    with pytest.raises(MacroError, match="game"):
        macro("en", "gaem")


def test_paths_keep_the_share_of_mass_below_them():
    noises = np.array([-1.5, -0.2, 0.42, 1.1])
    times, walked = worlds.paths(noises)
    for row in (100, 250, 400):
        for start, z in zip(noises, walked[row], strict=True):
            expected = worlds.cumulative(float(start), 1.0)
            found = worlds.cumulative(float(z), float(times[row]))
            assert found == pytest.approx(expected, abs=1e-3)
    leap = noises - worlds.velocity(noises, 1.0)
    assert np.allclose(leap, worlds.MEANS.mean()), "one step ends at the mean of the data"


def test_the_balls_count_what_our_metric_counts():
    real, fake = measures.two_sets()
    found = neighbourhoods(real, fake, k_manifold=measures.K, intervals=False)
    assert measures.inside(fake, real).tolist() == found.in_real.tolist()
    assert measures.inside(real, fake).tolist() == found.in_fake.tolist()


def test_two_sets_of_equal_moments_have_no_frechet_distance():
    real, fake = measures.ring_and_heap()
    assert measures.frechet(real, fake) == pytest.approx(0, abs=1e-6)
    assert measures.frechet(real, fake + np.array([3, 4])) == pytest.approx(25)


def test_layers_and_cells_are_what_they_are_called():
    z = np.random.default_rng(0).standard_normal((5, 2))
    h = 1e-5
    moves = (np.eye(2) * h)[:, None] + z
    jacobian = np.stack([(latents.coupled(m) - latents.coupled(z)) / h for m in moves], -1)
    x, y = z.T
    new_y = y * np.exp(0.55 * np.tanh(x)) + 0.85 * np.cos(1.4 * x) - 0.35
    scales = np.exp(0.55 * np.tanh(x) + 0.3 * np.sin(1.3 * new_y))
    assert np.allclose(np.linalg.det(jacobian), scales, rtol=1e-3)
    pair = np.array([[1.0, 1.0], [3.0, 1.0]])
    assert max(x for x, _ in codes.cell(pair, 0, (0, 0, 4, 2))) == 2
    assert grids.overlaps(3, 3).tolist() == [1, 1, 2, 1, 2, 1, 1]
    blind = grids.seen(11, (6, 5), 30)
    assert blind[5, 6] and not blind[5, 8] and not blind[6, 6]
