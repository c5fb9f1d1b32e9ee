"""What the classifier reads: real digits, not blots; the ladder goes from least to most sure."""

from __future__ import annotations

import pytest
import torch

from imggen.data import datasets
from imggen.studies.readable import COLUMNS, chart, confidence, ladder, noise_like, readable
from imggen.system.files import Json

STROKE = torch.zeros(1, 1, 28, 28, dtype=torch.uint8)
STROKE[0, 0, 5:23, 13:15] = 255


def test_digits_are_read_more_often_than_two_on_top_of_each_other(mnist_root):
    images = datasets.load("mnist", "test", mnist_root).pixels[:1000]
    mixed = ((images.int() + images.roll(5, 0).int()) // 2).to(torch.uint8)
    clear, blurred = readable(images), readable(mixed)
    assert confidence(images).shape == (1000,)
    assert clear["interval"][0] > 0.9 > 0.5 > blurred["interval"][1]
    assert clear["interval"][0] < clear["value"] < clear["interval"][1]


def test_a_clear_stroke_is_read():
    stroke = readable(STROKE.expand(50, -1, -1, -1))
    assert stroke["value"] == 1.0 and stroke["interval"][0] > 0.9


def test_static_is_read_as_the_page_says():
    """A classifier is not asked whether it sees a digit at all."""
    noise = noise_like(STROKE.expand(100, -1, -1, -1))
    assert noise.float().mean().item() == pytest.approx(127.5, abs=2)
    assert readable(noise)["value"] > 0.9


def test_the_ladder_climbs():
    images = datasets.load("digits", "test").pixels
    steps = confidence(ladder(images))
    assert len(steps) == COLUMNS
    assert (steps.diff() >= -1e-6).all()
    assert torch.isclose(steps[0], confidence(images).min())
    assert torch.isclose(steps[-1], confidence(images).max())


def test_the_chart_is_the_same_for_the_same_numbers():
    shares: dict[str, Json] = {"a": {"value": 0.8, "interval": [0.7, 0.9]}}
    assert chart(shares, 0.95) == chart(shares, 0.95)
    assert chart(shares, 0.95) != chart(shares, 0.9)
