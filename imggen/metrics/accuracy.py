"""Usefulness: can a classifier learn from generated images, and does it know them?

- `gan_train`: train a classifier on labelled generated images, test it on real ones. Ravuri and
  Vinyals 2019, arXiv:1905.10887 (classification accuracy score); Shmelkov, Schmid and Alahari 2018,
  arXiv:1807.09499 (GAN-train). It needs coherence and variety: what is missing can't be learned.
- `gan_test`: train on real images, test on generated ones (GAN-test). It sees coherence only: one
  perfect image per class, repeated, scores 1.

Both need labels, so a conditional generator. The classifier is a small convolutional network with a
fixed training, ours; values compare with the floor (real images in place of generated ones) and
among themselves, not with published scores, whose classifiers are other ones.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from imggen.metrics.arrays import Array
from imggen.metrics.certainty.estimate import Estimate, share_of

STEPS, BATCH, LEARNING_RATE = 600, 100, 2e-3
WIDTH = 32


def gan_train(
    fake: Tensor, fake_labels: Tensor, real: Tensor, real_labels: Tensor, seed: int = 0
) -> Estimate:
    """Accuracy on real images (n, C, H, W) uint8 of a classifier trained on generated ones.

    Raises: ValueError for no images, no uint8 ones, labels that don't fit, a single class, or
    unequal shapes.
    """
    right = train_and_test(fake, fake_labels, real, real_labels, seed)
    return share_of(right.numpy(), of="real")


def gan_test(
    fake: Tensor, fake_labels: Tensor, real: Tensor, real_labels: Tensor, seed: int = 0
) -> Estimate:
    """Accuracy on generated images (m, C, H, W) uint8 of a classifier trained on real ones.

    Raises: ValueError for no images, no uint8 ones, labels that don't fit, a single class, or
    unequal shapes.
    """
    right = train_and_test(real, real_labels, fake, fake_labels, seed)
    return share_of(right.numpy(), of="fake")


def agreement(logits: Array, labels: Array) -> Estimate:
    """Share of generated images whose most probable class is the label they were asked to have.

    Logits (n, classes) of a classifier that was trained on real images, labels (n,).
    """
    return share_of(logits.argmax(axis=1) == labels, of="fake")


def train_and_test(
    images: Tensor,
    labels: Tensor,
    test: Tensor,
    test_labels: Tensor,
    seed: int,
    steps: int = STEPS,
) -> Tensor:
    """Which test images (k,) a classifier names rightly after training on (n, C, H, W) uint8.

    Raises: ValueError as `gan_train` does.
    """
    _check(test, test_labels, "test")
    classes = int(torch.cat([labels, test_labels]).max()) + 1 if len(labels) else 0
    return right(teach(images, labels, classes, seed, steps), test, test_labels)


def teach(
    images: Tensor, labels: Tensor, classes: int, seed: int = 0, steps: int = STEPS
) -> nn.Module:
    """A classifier of `classes` classes trained on images (n, C, H, W) uint8.

    The global random state is left as it was; the same seed gives the same bits on a CPU.

    Raises: ValueError for labels that don't fit, a single class, or images that are none.
    """
    _check(images, labels, "training")
    if len(labels.unique()) < 2:
        raise ValueError("The training labels name a single class: there is nothing to learn.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _network(images.shape[1], classes)
        _fit(network, images, labels, steps)
    network.eval().register_buffer("shape", torch.tensor(images.shape[1:]))
    return network


@torch.inference_mode()
def right(network: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """Which images (k, C, H, W) uint8 a taught classifier names as their labels (k,) do.

    Raises: ValueError for images of another shape than it was taught.
    """
    _check(images, labels, "test")
    taught = tuple(network.get_buffer("shape").tolist())
    if taught != tuple(images.shape[1:]):
        raise ValueError(
            f"Training images are {taught} and test images {tuple(images.shape[1:])}: resize one "
            "of them."
        )
    answers = [network(_scaled(part)).argmax(dim=1) for part in images.split(500)]
    return torch.cat(answers) == labels


def _check(images: Tensor, labels: Tensor, name: str) -> None:
    if images.dtype != torch.uint8 or images.ndim != 4 or not len(images):
        raise ValueError(
            f"The {name} images are {images.dtype} of shape {tuple(images.shape)}: expected some "
            "uint8 images (N, C, H, W)."
        )
    if len(images) != len(labels):
        raise ValueError(f"{len(images)} {name} images have {len(labels)} labels.")


def _network(channels: int, classes: int) -> nn.Module:
    def block(inputs: int, outputs: int, stride: int) -> list[nn.Module]:
        convolution = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        return [convolution, nn.BatchNorm2d(outputs), nn.ReLU()]

    layers = [*block(channels, WIDTH, 1), *block(WIDTH, 2 * WIDTH, 2)]
    layers += [*block(2 * WIDTH, 2 * WIDTH, 2), nn.AdaptiveAvgPool2d(2), nn.Flatten()]
    network = nn.Sequential(*layers, nn.Linear(8 * WIDTH, classes))
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _scaled(pixels: Tensor) -> Tensor:
    return (pixels.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)


def _fit(network: nn.Module, images: Tensor, labels: Tensor, steps: int) -> None:
    """Adam with a one-cycle schedule on cross-entropy; draws from torch's global generator."""
    optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=LEARNING_RATE, total_steps=steps
    )
    waiting: list[Tensor] = []
    for _ in range(steps):
        waiting = waiting or list(torch.randperm(len(images)).split(BATCH))
        index = waiting.pop(0)
        loss = F.cross_entropy(network(_scaled(images[index])), labels[index])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
