"""Trains the frozen MNIST classifier of imggen.metrics and writes its weights and recipe.

    python scripts/train_classifier.py [--root DIR]

About five minutes on two CPU cores. Same seed, same machine: same bits.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor
from torch.nn import functional as F

from imggen.data import Images, load
from imggen.files import write_bytes, write_json
from imggen.metrics.lenet import RECIPE, WEIGHTS, LeNet

EPOCHS, BATCH, LR, WEIGHT_DECAY, SMOOTHING, SEED = 12, 250, 4e-3, 1e-2, 0.05, 0
DEGREES, SHIFT, ZOOM = 10.0, 2 / 14, 0.1


def augment(x: Tensor) -> Tensor:
    """Random rotation (10°), shift (2 pixels) and zoom (10 %) of images (N, 1, H, W) in [0, 1]."""
    n = len(x)
    angle = (torch.rand(n) * 2 - 1) * DEGREES * torch.pi / 180
    zoom = 1 + (torch.rand(n) * 2 - 1) * ZOOM
    cosine, sine = angle.cos() * zoom, angle.sin() * zoom
    shift = (torch.rand(2, n) * 2 - 1) * SHIFT
    rows = [torch.stack([cosine, -sine, shift[0]], 1), torch.stack([sine, cosine, shift[1]], 1)]
    grid = F.affine_grid(torch.stack(rows, 1), list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, align_corners=False)


def train(images: Images) -> LeNet:
    """The classifier after EPOCHS passes with AdamW on a one-cycle schedule."""
    torch.manual_seed(SEED)
    network = LeNet().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), lr=LR, weight_decay=WEIGHT_DECAY)
    steps = len(images) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LR, total_steps=EPOCHS * steps)
    x, labels = images.pixels.float() / 255, images.labels
    assert labels is not None
    for epoch in range(EPOCHS):
        started, total = time.monotonic(), 0.0
        for index in torch.randperm(len(x))[: steps * BATCH].view(steps, BATCH):
            batch = augment(x[index]).contiguous(memory_format=torch.channels_last)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                logits = network(batch)
            loss = F.cross_entropy(logits.float(), labels[index], label_smoothing=SMOOTHING)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        seconds = time.monotonic() - started
        print(f"epoch {epoch + 1}/{EPOCHS}  loss {total / steps:.4f}  {seconds:.0f} s", flush=True)
    return network.eval()


@torch.inference_mode()
def accuracy(network: LeNet, images: Images) -> float:
    """Share of images (0 to 1) whose most probable class is their label."""
    assert images.labels is not None
    logits = torch.cat([network(part.float() / 255) for part in images.pixels.split(1000)])
    return (logits.argmax(1) == images.labels).double().mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, help="folder that holds MNIST/raw")
    root = parser.parse_args().root
    network = train(load("mnist", "train", root))
    test = load("mnist", "test", root)
    content = save({k: v.contiguous() for k, v in network.state_dict().items()})
    recipe = {
        "name": "lenet",
        "sha256": hashlib.sha256(content).hexdigest(),
        "command": "python scripts/train_classifier.py",
        "trained_on": "mnist:train",
        "test_accuracy": accuracy(network, test),
        "epochs": EPOCHS,
        "batch_size": BATCH,
        "optimizer": f"AdamW, one-cycle learning rate up to {LR}, weight decay {WEIGHT_DECAY}",
        "label_smoothing": SMOOTHING,
        "augmentation": "rotation 10 degrees, shift 2 pixels, zoom 10 %",
        "seed": SEED,
        "torch": torch.__version__,
    }
    write_bytes(WEIGHTS, content)
    write_json(RECIPE, recipe)
    print(f"test accuracy {recipe['test_accuracy']:.2%}, {len(content) / 1e6:.2f} MB in {WEIGHTS}")


if __name__ == "__main__":
    main()
