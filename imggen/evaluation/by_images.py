"""Mode counts of generated Stacked-MNIST images: which of 1,000 triples of digits are drawn."""

from __future__ import annotations

import torch

from imggen.data.images import choose
from imggen.evaluation.catalogue import Found
from imggen.features.extractors import lenet_extractor
from imggen.features.sets import AnySet, GivenFeatures
from imggen.metrics import accuracy, modes
from imggen.metrics.arrays import Array
from imggen.system.errors import UserError

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


def by_images(real: AnySet, fake: AnySet, n: int, seed: int, utility: bool) -> Found:
    """The metrics that look at images, not at features: modes of stacked digits, and utility."""
    found = measure_modes(real, fake, n, seed) if real.name == NAME else {}
    return found | (measure_utility(real, fake, n, seed) if utility else {})


def measure_utility(real: AnySet, fake: AnySet, n: int, seed: int) -> Found:
    """Classification accuracy scores of `n` images each (metrics/utility.py).

    Raises: UserError when a set has no labels, or classes that the real set does not have.
    """
    x, y = labelled(real, n, seed)
    x_fake, y_fake = labelled(fake, n, seed)
    names, fake_names = (list(given.classes) for given in (real, fake))  # type: ignore[union-attr]
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


def refuse_unlabelled(given: AnySet) -> None:
    """Raises UserError when a set has no labels."""
    if isinstance(given, GivenFeatures) or given.labels is None:
        raise UserError(
            f"--utility needs labels, and {given.name} has none: give NAME:SPLIT or a folder with "
            "one sub-folder per class."
        )


def labelled(given: AnySet, n: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """`n` images (n, C, H, W) and their labels (n,).

    Raises: UserError when the set has none.
    """
    refuse_unlabelled(given)
    assert not isinstance(given, GivenFeatures)
    chosen = given.subset(choose(given.hashes, n, seed))
    assert chosen.labels is not None
    return torch.cat(list(chosen.blocks())), chosen.labels
