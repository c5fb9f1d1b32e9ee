"""Classification accuracy scores of labelled sets."""

from __future__ import annotations

import torch

from imggen.errors import UserError
from imggen.measures import Found
from imggen.metrics import utility
from imggen.sets import AnySet, GivenFeatures, choose


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
            "gan_train": utility.gan_train(x_fake, y_fake, x, y),
            "gan_test": utility.gan_test(x_fake, y_fake, x, y),
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
