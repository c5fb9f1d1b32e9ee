"""What images are conditioned on: their labels, or the images that they were made from."""

from __future__ import annotations

import torch
from torch import Tensor

from imggen.data.images import Images, normalise
from imggen.methods import Spec
from imggen.system.errors import UserError
from imggen.system.seeds import derive_seed


def offered(images: Images) -> Spec:
    """All that a dataset has to offer to a method."""
    classes = 0 if images.labels is None else max(len(images.classes), int(images.labels.max()) + 1)
    if images.sources is None:
        return Spec(images.shape, classes)
    channels, height, width = images.sources.shape[1:]
    return Spec(images.shape, classes, (channels, height, width))


def refuse_other_classes(spec: Spec, images: Images) -> None:
    """Raises UserError when a method wants other conditions than these images have."""
    has = offered(images)
    if spec.classes not in (0, has.classes):
        raise UserError(
            f"The method knows {spec.classes} classes, but {images.name}:{images.split} has "
            f"{has.classes}: choose the data that it is for, or train it on these."
        )
    if spec.source not in (None, has.source):
        raise UserError(
            f"The method makes images from others of shape {spec.source}, but {images.name}:"
            f"{images.split} has {has.source or 'none'}: choose the data that it is for."
        )


def refuse_other_test(spec: Spec, train: Images, test: Images) -> None:
    """Raises UserError when what is trained on `train` can't be compared with `test`."""
    refuse_other_classes(spec, test)
    if train.shape != test.shape:
        raise UserError(
            f"The images of {train.name}:{train.split} are {train.shape} (channels, height, width) "
            f"and those of {test.name}:{test.split} {test.shape}: give both the same size."
        )
    if spec.classes and train.classes != test.classes:
        raise UserError(
            f"The classes of {train.name}:{train.split} are {', '.join(train.classes)}, those of "
            f"{test.name}:{test.split} {', '.join(test.classes)}: both need the same ones (of a "
            "folder: sub-folders of the same names)."
        )


def conditions_of(images: Images, spec: Spec) -> Tensor | None:
    """Labels (N,) or source images (N, C, H, W) uint8 that a method with this spec is given."""
    if spec.source is not None:
        return images.sources
    return images.labels if spec.classes else None


def label_counts(images: Images) -> tuple[int, ...]:
    """How often each label occurs; empty without labels."""
    if images.labels is None:
        return ()
    return tuple(torch.bincount(images.labels, minlength=offered(images).classes).tolist())


def draw_labels(counts: tuple[int, ...], n: int, seed: int) -> Tensor:
    """`n` labels (n,) with the frequencies of `counts`, from a seed of their own."""
    generator = torch.Generator().manual_seed(derive_seed("labels", seed))
    weights = torch.tensor(counts, dtype=torch.float64)
    return torch.multinomial(weights, n, replacement=True, generator=generator)


def asked_labels(spec: Spec, label: int, n: int) -> Tensor:
    """`n` times the label (n,) that somebody asked for.

    Raises: UserError for a label out of range, or for a method without labels.
    """
    if not spec.classes:
        raise UserError(f"--label {label} was asked for, but this method knows no labels.")
    if not 0 <= label < spec.classes:
        raise UserError(f"--label {label} is out of range: labels go from 0 to {spec.classes - 1}.")
    return torch.full((n,), label)


def draw_sources(sources: Tensor, n: int, seed: int) -> Tensor:
    """`n` source images (n, C, H, W) in [-1, 1]; none occurs twice before all have occurred."""
    generator = torch.Generator().manual_seed(derive_seed("sources", seed))
    rounds = -(-n // len(sources))
    order = [torch.randperm(len(sources), generator=generator) for _ in range(rounds)]
    return normalise(sources[torch.cat(order)[:n]])
