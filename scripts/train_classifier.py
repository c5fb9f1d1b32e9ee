"""Trains a frozen classifier of imggen.metrics and writes its weights and recipe.

    python scripts/train_classifier.py [--root DIR]                     MNIST digits, five minutes
    python scripts/train_classifier.py --which colour [--folder DIR]    CIFAR-10, about an hour

Times are those of two CPU cores. Same seed, same machine: same bits. `--folder` takes the images
from DIR/train/CLASS and DIR/test/CLASS instead of torchvision's CIFAR-10.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional as F

from imggen.data.datasets import load
from imggen.data.files import read_images
from imggen.data.images import Images
from imggen.features.colournet import ColourNet, half
from imggen.features.lenet import COLOUR, LENET, LeNet
from imggen.system.files import write_bytes, write_json

DEGREES, SHIFT, ZOOM = 10.0, 2 / 14, 0.1
SEED = 0


def warp(x: Tensor) -> Tensor:
    """Random rotation (10°), shift (2 pixels) and zoom (10 %) of images (N, 1, H, W) in [0, 1]."""
    n = len(x)
    angle = (torch.rand(n) * 2 - 1) * DEGREES * torch.pi / 180
    zoom = 1 + (torch.rand(n) * 2 - 1) * ZOOM
    cosine, sine = angle.cos() * zoom, angle.sin() * zoom
    shift = (torch.rand(2, n) * 2 - 1) * SHIFT
    rows = [torch.stack([cosine, -sine, shift[0]], 1), torch.stack([sine, cosine, shift[1]], 1)]
    grid = F.affine_grid(torch.stack(rows, 1), list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, align_corners=False)


def crop_and_flip(x: Tensor) -> Tensor:
    """Random shifts of up to 4 pixels (one for the batch) and mirrored images, (N, 3, H, W)."""
    size = x.shape[-1]
    padded = F.pad(x, (4, 4, 4, 4), mode="reflect")
    top, left = torch.randint(0, 9, (2,)).tolist()
    x = padded[..., top : top + size, left : left + size]
    return torch.where(torch.rand(len(x), 1, 1, 1) < 0.5, x.flip(-1), x)


@dataclass(frozen=True)
class Recipe:
    """A network and how it is trained."""

    name: str
    network: Callable[[], nn.Module]
    augment: Callable[[Tensor], Tensor]
    augmentation: str
    epochs: int
    batch: int = 250
    lr: float = 4e-3
    weight_decay: float = 1e-2
    smoothing: float = 0.05


RECIPES = {
    "mnist": Recipe("lenet", LeNet, warp, "rotation 10 degrees, shift 2 pixels, zoom 10 %", 12),
    "colour": Recipe("colour", ColourNet, crop_and_flip, "shift 4 pixels, mirroring", 14),
}


def train(images: Images, recipe: Recipe) -> nn.Module:
    """The classifier after its passes with AdamW on a one-cycle schedule."""
    torch.manual_seed(SEED)
    network = recipe.network().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=recipe.lr, weight_decay=recipe.weight_decay
    )
    steps = len(images) // recipe.batch
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.lr, total_steps=recipe.epochs * steps
    )
    x, labels = images.pixels, images.labels
    assert labels is not None
    for epoch in range(recipe.epochs):
        started, total = time.monotonic(), 0.0
        for index in torch.randperm(len(x))[: steps * recipe.batch].view(steps, recipe.batch):
            batch = recipe.augment(x[index].float() / 255)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                logits = network(batch.contiguous(memory_format=torch.channels_last))
            loss = F.cross_entropy(logits.float(), labels[index], label_smoothing=recipe.smoothing)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        seconds = time.monotonic() - started
        print(
            f"epoch {epoch + 1}/{recipe.epochs}  loss {total / steps:.4f}  {seconds:.0f} s",
            flush=True,
        )
    return network.eval()


@torch.inference_mode()
def accuracy(network: nn.Module, images: Images) -> float:
    """Share of images (0 to 1) whose most probable class is their label."""
    assert images.labels is not None
    logits = torch.cat([network(part.float() / 255) for part in images.pixels.split(1000)])
    return (logits.argmax(1) == images.labels).double().mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--which", choices=RECIPES, default="mnist")
    parser.add_argument("--root", type=Path, help="folder that holds the datasets")
    parser.add_argument("--folder", type=Path, help="folder with train/CLASS and test/CLASS")
    options = parser.parse_args()
    recipe = RECIPES[options.which]
    name = "mnist" if options.which == "mnist" else "cifar10"
    if options.folder:
        images, test = (read_images(options.folder, split) for split in ("train", "test"))
    else:
        images, test = (load(name, split, options.root) for split in ("train", "test"))
    network = train(images, recipe)
    state = network.state_dict()
    if options.which == "colour":
        state = half(state)
        network.load_state_dict(state)  # the accuracy is that of what is stored
    content = save({key: value.contiguous() for key, value in state.items()})
    flag = "" if options.which == "mnist" else " --which colour"
    stored = {
        "name": recipe.name,
        "sha256": hashlib.sha256(content).hexdigest(),
        "command": f"python scripts/train_classifier.py{flag}",
        "trained_on": f"{name}:train" + (" (JPEG copies, quality 75)" if options.folder else ""),
        "classes": list(images.classes),
        "pixels_sha256": images.sha256,
        "test_accuracy": accuracy(network, test),
        "epochs": recipe.epochs,
        "batch_size": recipe.batch,
        "optimizer": f"AdamW, one-cycle learning rate up to {recipe.lr}, "
        f"weight decay {recipe.weight_decay}",
        "label_smoothing": recipe.smoothing,
        "augmentation": recipe.augmentation,
        "seed": SEED,
        "torch": torch.__version__,
    }
    weights = {"mnist": LENET, "colour": COLOUR}[options.which]
    write_bytes(weights, content)
    write_json(weights.with_suffix(".json"), stored)
    print(f"test accuracy {stored['test_accuracy']:.2%}, {len(content) / 1e6:.2f} MB in {weights}")


if __name__ == "__main__":
    main()
