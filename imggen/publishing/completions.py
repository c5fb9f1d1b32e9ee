"""Half-drawn images, and how a method goes on with them."""

from __future__ import annotations

import torch

from imggen.data.images import Images, normalise, to_uint8
from imggen.drawing import grids
from imggen.methods import Completes
from imggen.runs.sampling import Trained, fixed_latents

GIVEN, COMPLETIONS, BLANK = 16, 6, 112
"""Test images, one a column; completions of each; the grey of the half that is not given."""


def completes(trained: Trained, test: Images) -> bool:
    """Whether the method can go on from about half an image, and images suffice."""
    return isinstance(trained.method, Completes) and _rows(trained) > 0 and len(test) >= GIVEN


def completions_png(trained: Trained, test: Images) -> bytes:
    """Columns of a test image, its upper half, and that half completed with other latents."""
    method = trained.method
    assert isinstance(method, Completes)
    x, labels, rows = test.pixels[:GIVEN], test.labels, _rows(trained)
    half = x.clone()
    half[:, :, rows:] = BLANK
    z = fixed_latents(trained.method, COMPLETIONS * GIVEN, "completions")
    y = None
    if trained.method.spec.classes and labels is not None:
        y = labels[:GIVEN].repeat(COMPLETIONS)
    many = normalise(x).repeat(COMPLETIONS, 1, 1, 1)
    with torch.inference_mode():
        made = to_uint8(method.complete(many, rows, z, y, trained.sampler))
    return grids.png(grids.sheet(torch.cat([x, half, made]), GIVEN))


def _rows(trained: Trained) -> int:
    """Of half an image the rows after which the method can begin."""
    assert isinstance(trained.method, Completes)
    half = trained.method.spec.shape[1] // 2
    return half - half % trained.method.row_step
