"""Edits: what is measured, the direction, and who is asked for them."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from imggen.data import datasets
from imggen.data.images import Images, normalise, to_uint8
from imggen.methods import Spec
from imggen.methods.cgan import CGAN
from imggen.methods.cgan import Config as CGANConfig
from imggen.methods.glow import Config, Glow
from imggen.methods.vae import VAE
from imggen.methods.vae import Config as VAEConfig
from imggen.publishing.edits import EDITED, WEIGHTS, edited, edits, ink, slant
from imggen.publishing.pictures import Shown, drawn
from imggen.runs.sampling import Trained

DIGITS = datasets.load("digits", "test")


class Pixels(Glow):
    """An image is its own latent."""

    def encode(self, x):
        return x.flatten(1)

    def sample(self, z, y=None, sampler=None):
        return z.view(-1, *self.spec.shape).clamp(-1, 1)


def pixels() -> Trained:
    return Trained(Pixels(Config.tiny(), Spec((1, 8, 8))).eval())


@pytest.mark.parametrize("lean", [-1.0, 0.0, 0.5])
def test_slant_is_that_of_a_line(lean):
    """Brightness between two columns lies where the line passes, of whatever strength."""
    image = torch.zeros(1, 1, 9, 15)
    for row in range(9):
        column = 7 + lean * (4 - row)
        left = int(column)
        image[0, 0, row, left] += 1 - (column - left)
        image[0, 0, row, left + 1] += column - left
    assert slant(0.3 * image).item() == pytest.approx(lean, abs=1e-5)
    assert slant(image.roll(2, 3)).item() == pytest.approx(lean, abs=1e-5)
    assert slant(torch.zeros(1, 1, 9, 15)).item() == 0


def test_ink_is_the_mean():
    assert ink(torch.stack([torch.zeros(1, 4, 4), torch.ones(1, 4, 4)])).tolist() == [0, 1]


def test_the_direction_is_the_difference_of_two_means():
    """Where images are their own latents, by hand; the edited images have no say in it."""
    x = normalise(DIGITS.pixels)
    others, measured = x[EDITED:], ink(DIGITS.pixels[EDITED:].float() / 255)
    more = measured > measured.median()
    along = others[more].mean(dim=0) - others[~more].mean(dim=0)
    blocks = edited(pixels(), DIGITS)
    assert blocks.shape == (2, 1 + len(WEIGHTS), EDITED, 1, 8, 8)
    for weight, row in zip(WEIGHTS, blocks[0, 1:], strict=True):
        expected = to_uint8((x[:EDITED] + weight * along).clamp(-1, 1))
        assert (row.int() - expected.int()).abs().max() <= 1
    assert torch.equal(blocks[0, 0], DIGITS.pixels[:EDITED])
    inks = blocks[0, 1:].float().mean(dim=(1, 2, 3, 4))
    assert (inks.diff() > 0).all(), "more of the direction, more ink"
    assert not torch.equal(blocks[0], blocks[1])


def test_a_flow_without_an_edit_gives_the_image_back():
    trained = Trained(Glow(Config.tiny(), Spec((1, 8, 8))).eval())
    rows = edited(trained, DIGITS)[:, 1 + WEIGHTS.index(0)]
    assert torch.equal(rows, DIGITS.pixels[:EDITED].expand_as(rows))


def test_images_that_are_all_alike_are_drawn_as_well():
    alike = dataclasses.replace(DIGITS, pixels=DIGITS.pixels[:1].expand(20, -1, -1, -1))
    blocks = edited(pixels(), alike)
    assert torch.equal(blocks, alike.pixels[0].expand_as(blocks))


def test_who_is_asked_for_them():
    shape = Spec((1, 8, 8), classes=10)
    able = (Glow(Config.tiny(), shape), VAE(VAEConfig.tiny(), shape))
    few = Images("few", "test", DIGITS.pixels[:5], None)
    for method in able:
        assert edits(Trained(method.eval()), DIGITS)
        assert not edits(Trained(method.eval()), few)
    conditional = CGAN(CGANConfig.tiny(), shape).eval()
    assert not edits(Trained(conditional, None, (36,) * 10), DIGITS)
    assert "edits.png" in drawn(Shown(Trained(able[0]), DIGITS))
