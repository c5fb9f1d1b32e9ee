"""Metrics that look at images, not at features: modes of stacked digits, classifiers' accuracy."""

from __future__ import annotations

import torch
from torch import Tensor

from imggen.data.images import ImageSet
from imggen.evaluation.catalogue import Found
from imggen.features.extractors import lenet_extractor
from imggen.features.sets import AnySet, Features
from imggen.metrics import accuracy, modes
from imggen.metrics.arrays import Array
from imggen.system.errors import UserError

STACKED = "stacked_mnist"
"""The dataset whose modes are counted."""


def by_images(real: Features, fake: Features, utility: bool) -> Found:
    """Mode counts where the real images are stacked digits; with `utility`, accuracy scores."""
    found = measure_modes(real, fake) if real.name == STACKED else {}
    return found | (measure_utility(real, fake) if utility else {})


def measure_modes(real: Features, fake: Features) -> Found:
    """Modes found and their divergence from the real ones.

    Our frozen classifier reads each channel (metrics/modes.py).

    Raises: UserError for generated images without three channels.
    """
    digits = read_digits(fake)
    return {
        "modes": modes.count_modes(modes.stacked_labels(digits), modes.STACKED_MODES),
        "mode_divergence": modes.stacked_divergence(digits, read_digits(real)),
    }


@torch.inference_mode()
def read_digits(given: Features) -> Array:
    """The digits (n, 3) that our frozen classifier reads in the channels of the images.

    Raises: UserError for images without three channels.
    """
    if given.images is None or given.images.shape[0] != 3:
        raise UserError(f"{given.name} has no three channels: counting modes needs stacked digits.")
    run = lenet_extractor().run
    found = []
    for block in given.images.blocks():
        logits = run(block.flatten(0, 1)[:, None])[1]
        assert logits is not None
        found.append(logits.argmax(dim=1).view(-1, 3))
    return torch.cat(found).numpy()


def measure_utility(real: Features, fake: Features) -> Found:
    """Classification accuracy scores (metrics/accuracy.py).

    Raises: UserError when a set has no labels, or classes that the real set does not have.
    """
    x, y, names = labelled(real)
    x_fake, y_fake, fake_names = labelled(fake)
    if not set(fake_names) <= set(names):
        raise UserError(
            f"{fake.name} has the classes {', '.join(fake_names)}, but {real.name} has "
            f"{', '.join(names)}: --utility needs the same names."
        )
    y_fake = torch.tensor([names.index(name) for name in fake_names])[y_fake]
    try:
        return {
            "gan_train": accuracy.gan_train(x_fake, y_fake, x, y),
            "gan_test": accuracy.gan_test(x_fake, y_fake, x, y),
        }
    except ValueError as error:
        raise UserError(str(error)) from error


def labelled(given: Features) -> tuple[Tensor, Tensor, tuple[str, ...]]:
    """Images (n, C, H, W), their labels (n,) and the names of the classes.

    Raises: UserError when the set has no labels.
    """
    images = refuse_unlabelled(given.name, given.images)
    assert images.labels is not None
    return torch.cat(list(images.blocks())), images.labels, images.classes


def refuse_unlabelled(name: str, images: AnySet | None) -> ImageSet:
    """The images. Raises: UserError when there are none, or when they have no labels."""
    if images is None or isinstance(images, Features) or images.labels is None:
        raise UserError(
            f"--utility needs labels, and {name} has none: give NAME:SPLIT or a folder with "
            "one sub-folder per class."
        )
    return images
