"""What parts of an image cost: below the image, and where they lie."""

from __future__ import annotations

import numpy as np
import pytest

from imggen.data import datasets
from imggen.drawing import grids, strips
from imggen.methods import Spec
from imggen.methods.igpt import Config, ImageGPT
from imggen.methods.vae import VAE
from imggen.methods.vae import Config as VAEConfig
from imggen.publishing import surprisals
from imggen.publishing.surprisals import COLUMNS, SHOWN, surprisals_svg, surprises
from imggen.runs.sampling import Trained

DIGITS = datasets.load("digits", "test")


class Ink(ImageGPT):
    """A patch of 2 x 4 pixels costs as many nats as it has white pixels."""

    def surprisals(self, x):
        return (x[:, 0] > 0).double().unflatten(2, (-1, 4)).unflatten(1, (-1, 2)).sum(dim=(2, 4))


def test_colours_grow_lighter_and_end():
    seen = strips.coloured(np.array([[[0.0, 1.0, 2.0, 3.0, 4.0, 9.0]]]), 4.0)
    assert seen.shape == (1, 1, 6, 3) and seen.dtype == np.uint8
    light = seen[0, 0].astype(float).sum(axis=1)
    assert light[0] < 10 and (np.diff(light[:5]) > 30).all() and light[5] == light[4]


def test_each_image_stands_above_what_its_own_patches_cost(monkeypatch):
    seen = {}
    monkeypatch.setattr(
        surprisals, "heat", lambda picture, most, label: seen.update(locals()) or b""
    )
    method = Ink(Config.tiny(), Spec((1, 8, 8))).eval()
    surprisals_svg(Trained(method), DIGITS)
    assert seen["label"] == "nats of a patch of 2 x 4 pixels" and 4 <= seen["most"] <= 8
    scale = grids.scale_for(8)
    side = 8 * scale + grids.PADDING
    tiles = seen["picture"][grids.PADDING :, grids.PADDING :].reshape(4, side, COLUMNS, side, 3)
    tiles = tiles.transpose(0, 2, 1, 3, 4)[:, :, : -grids.PADDING : scale, : -grids.PADDING : scale]
    white = DIGITS.pixels[:SHOWN, 0] > 127
    costs = method.surprisals(2.0 * white[:, None] - 1)
    costs = costs.repeat_interleave(2, 1).repeat_interleave(4, 2).numpy()
    colours = strips.coloured(costs, seen["most"]).reshape(2, COLUMNS, 8, 8, 3)
    for pair in range(2):
        images = white.numpy().reshape(2, COLUMNS, 8, 8)[pair]
        assert ((tiles[2 * pair] == 255).all(axis=-1) == images).all()
        assert (tiles[2 * pair + 1] == colours[pair]).all()


def test_the_chart_is_the_same_for_the_same_numbers():
    trained = Trained(Ink(Config.tiny(), Spec((1, 8, 8))).eval())
    chart = surprisals_svg(trained, DIGITS)
    assert chart.startswith(b"<?xml") and chart == surprisals_svg(trained, DIGITS)


@pytest.mark.parametrize(("kind", "config"), [(ImageGPT, Config.tiny()), (VAE, VAEConfig.tiny())])
def test_only_models_that_know_are_asked(kind, config):
    trained = Trained(kind(config, Spec((1, 8, 8))).eval())
    assert surprises(trained, DIGITS) is (kind is ImageGPT)
    assert not surprises(trained, DIGITS.subset(slice(SHOWN - 1)))
