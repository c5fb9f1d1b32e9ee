"""What the classifier reads: real digits, not blots; the ladder goes from least to most sure."""

from __future__ import annotations

import torch

from imggen.data import datasets
from imggen.studies.readable import COLUMNS, chart, confidence, ladder, readable
from imggen.system.files import Json

STROKE = torch.zeros(1, 1, 28, 28, dtype=torch.uint8)
STROKE[0, 0, 5:23, 13:15] = 255


def test_a_clear_stroke_is_read_and_noise_is_not():
    noise = torch.randint(0, 256, (200, 1, 28, 28), generator=torch.Generator().manual_seed(0))
    both = torch.cat([STROKE.expand(50, -1, -1, -1), noise.to(torch.uint8)])
    sure = confidence(both)
    assert sure.shape == (250,)
    assert sure[0] > 0.9
    found = readable(both[:50])
    assert found["value"] == 1.0 and found["interval"][0] > 0.9
    assert readable(both[50:])["value"] < 0.5


def test_the_ladder_climbs():
    images = datasets.load("digits", "test").pixels
    images = images.repeat_interleave(3, 2).repeat_interleave(3, 3)
    images = torch.nn.functional.pad(images, (2, 2, 2, 2))
    steps = confidence(ladder(images))
    assert len(steps) == COLUMNS
    assert (steps.diff() >= -1e-6).all()
    assert torch.isclose(steps[0], confidence(images).min())
    assert torch.isclose(steps[-1], confidence(images).max())


def test_the_chart_is_the_same_for_the_same_numbers():
    shares: dict[str, Json] = {"a": {"value": 0.8, "interval": [0.7, 0.9]}}
    assert chart(shares, 0.95) == chart(shares, 0.95)
    assert chart(shares, 0.95) != chart(shares, 0.9)
