"""Mode counts of generated Stacked-MNIST images: which of 1,000 triples of digits are drawn."""

from __future__ import annotations

import torch

from imggen.errors import UserError
from imggen.measures import Found
from imggen.metrics import modes
from imggen.metrics.arrays import Array
from imggen.metrics.features import lenet_extractor
from imggen.sets import AnySet, GivenFeatures, choose

NAME = "stacked_mnist"


def measure_modes(real: AnySet, fake: AnySet, n: int, seed: int) -> Found:
    """Modes found and their divergence from the real ones, over `n` images of each set.

    Our frozen classifier reads each channel (metrics/modes.py).

    Raises: UserError for generated images without three channels.
    """
    digits = read(fake, n, seed)
    return {
        "modes": modes.count_modes(modes.stacked_labels(digits), modes.STACKED_MODES),
        "mode_divergence": modes.stacked_divergence(digits, read(real, n, seed)),
    }


@torch.inference_mode()
def read(given: AnySet, n: int, seed: int) -> Array:
    """The digits (n, 3) that our frozen classifier reads in the channels of `n` images.

    Raises: UserError for images without three channels.
    """
    if isinstance(given, GivenFeatures) or given.shape[0] != 3:
        raise UserError(f"{given.name} has no three channels: counting modes needs stacked digits.")
    run = lenet_extractor().run
    found = []
    for block in given.subset(choose(given.hashes, n, seed)).blocks():
        logits = run(block.flatten(0, 1)[:, None])[1]
        assert logits is not None
        found.append(logits.argmax(dim=1).view(-1, 3))
    return torch.cat(found).numpy()
