"""What parts of an image cost: below the image, and where they lie."""

from __future__ import annotations

import imageio.v3 as iio
import pytest
import torch

from imggen.data import datasets
from imggen.drawing import grids
from imggen.methods import Spec
from imggen.methods.igpt import Config, ImageGPT
from imggen.methods.vae import VAE
from imggen.methods.vae import Config as VAEConfig
from imggen.publishing.surprisals import GLOW, coloured, surprisals_png, surprises
from imggen.runs.sampling import Trained

DIGITS = datasets.load("digits", "test")


class Ink(ImageGPT):
    """White costs 5 nats, black nothing."""

    def surprisals(self, x):
        return 5 * (x[:, 0] > 0).float()


def test_colours_lie_between_their_stops_and_parts_are_squares():
    shares = torch.tensor([[[0.0, 1 / 6, 1 / 3], [2 / 3, 1.0, 7.0]]])
    seen = coloured(shares, (4, 9))
    assert seen.shape == (1, 3, 4, 9) and seen.dtype == torch.uint8
    half = [round((a + b) / 2) for a, b in zip(GLOW[0], GLOW[1], strict=True)]
    wanted = [[GLOW[0], tuple(half), GLOW[1]], [GLOW[2], GLOW[3], GLOW[3]]]
    for row in range(4):
        for column in range(9):
            assert tuple(seen[0, :, row, column].tolist()) == wanted[row // 2][column // 3]


def test_each_image_stands_above_what_its_own_pixels_cost():
    method = Ink(Config.tiny(), Spec((1, 8, 8))).eval()
    scale = grids.scale_for(8)
    seen = iio.imread(surprisals_png(Trained(method), DIGITS))
    tiles = seen[grids.PADDING :, grids.PADDING :]
    tiles = tiles.reshape(4, 8 * scale + grids.PADDING, 16, 8 * scale + grids.PADDING, 3)
    tiles = tiles.transpose(0, 2, 1, 3, 4)[:, :, : -grids.PADDING : scale, : -grids.PADDING : scale]
    white = (DIGITS.pixels[:32, 0] > 127).view(2, 16, 8, 8).numpy()
    for pair in range(2):
        assert ((tiles[2 * pair] == 255).all(axis=-1) == white[pair]).all()
        assert ((tiles[2 * pair + 1] == GLOW[-1]).all(axis=-1) == white[pair]).all()
        assert ((tiles[2 * pair + 1] == GLOW[0]).all(axis=-1) == ~white[pair]).all()


@pytest.mark.parametrize(("kind", "config"), [(ImageGPT, Config.tiny()), (VAE, VAEConfig.tiny())])
def test_only_models_that_know_are_asked(kind, config):
    trained = Trained(kind(config, Spec((1, 8, 8))).eval())
    assert surprises(trained, DIGITS) is (kind is ImageGPT)
    assert not surprises(trained, DIGITS.subset(slice(31)))
