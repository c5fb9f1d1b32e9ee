"""Where in an image a model pays: what each part costs, given those before it."""

from __future__ import annotations

import torch

from imggen.data.images import Images, normalise
from imggen.drawing.grids import sheet
from imggen.drawing.strips import coloured, heat
from imggen.methods import HasSurprisals
from imggen.runs.sampling import Trained

SHOWN, COLUMNS = 16, 8
"""Test images; how many stand in a row."""
TOLD_APART = 0.995
"""The share of parts whose colours differ; the dearest few are as bright as the end."""


def surprises(trained: Trained, test: Images) -> bool:
    """Whether the method says what parts cost, of black and white images, and images suffice."""
    return isinstance(trained.method, HasSurprisals) and len(test) >= SHOWN


def surprisals_svg(trained: Trained, test: Images) -> bytes:
    """Rows of test images, black or white, and below each row what their parts cost."""
    method, x = trained.method, test.pixels[:SHOWN]
    assert isinstance(method, HasSurprisals)
    with torch.inference_mode():
        nats = method.surprisals(normalise(x)).double().cpu()
    most = nats.flatten().quantile(TOLD_APART).item()
    high, wide = (side // count for side, count in zip(x.shape[2:], nats.shape[1:], strict=True))
    parts = torch.from_numpy(coloured(nats.numpy(), most)).permute(0, 3, 1, 2)
    costs = parts.repeat_interleave(high, 2).repeat_interleave(wide, 3)
    shown = torch.where(x > 127, 255, 0).to(torch.uint8).expand(-1, 3, -1, -1)
    pairs = zip(shown.split(COLUMNS), costs.split(COLUMNS), strict=True)
    picture = sheet(torch.cat([part for pair in pairs for part in pair]), COLUMNS)
    of = "a pixel" if high == wide == 1 else f"a patch of {high} x {wide} pixels"
    return heat(picture, most, f"nats of {of}")
