"""The loop's own arithmetic, held against stored values: a change asks for a new version.

A tiny linear method is trained with everything that the loop adds: order of images, noise,
clipping, average of weights, precision. Processors differ a little, so there is a tolerance.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD, Optimizer

from imggen.data import datasets
from imggen.methods import Batch, Minimize, Panels, Spec
from imggen.runs.folder import RunDir
from imggen.training.config import TrainConfig
from imggen.training.loop import VERSION, Trainer

GOLDEN = {
    1: {
        "fp32": {"loss": 0.676700, "weights": 18.513042, "average": 18.700490},
        "bf16": {"loss": 0.676687, "weights": 18.512964, "average": 18.700439},
    }
}
"""By version of the loop: last loss, and sums of squared weights and averaged weights."""
TOLERANCE = {"fp32": 1e-4, "bf16": 2e-3}


class Linear(nn.Module):
    """Denoises images with one matrix."""

    panels: ClassVar[Panels] = {"loss": ("loss",)}

    def __init__(self, spec: Spec) -> None:
        super().__init__()
        self.spec, self.net = Spec(spec.shape), nn.Linear(64, 64)
        self.opt = SGD(self.net.parameters(), lr=1.0)
        self.optimizers: dict[str, Optimizer] = {"net": self.opt}

    def training_step(self, batch: Batch, step: int, minimize: Minimize) -> dict[str, Tensor]:
        x = batch.x.flatten(1)
        loss = (self.net(x + torch.randn_like(x)).float() - x).square().mean()
        minimize(loss, self.opt, lr=2.0 / (1 + step))
        return {"loss": loss}


@pytest.mark.parametrize("precision", TOLERANCE)
def test_the_arithmetic_of_this_version_is_the_stored_one(precision, tmp_path):
    found = train(tmp_path, precision)
    assert VERSION in GOLDEN, f"version {VERSION} has no golden values: store {found}"
    for name, value in GOLDEN[VERSION][precision].items():
        assert found[name] == pytest.approx(value, rel=TOLERANCE[precision]), (
            f"the loop's arithmetic changed: raise VERSION in training/loop.py and store {found}"
        )


def train(folder: Path, precision: str) -> dict[str, float]:
    """What a short training ends with."""
    run = RunDir(folder)
    run.create()
    config = TrainConfig(
        steps=25,
        batch_size=32,
        seed=3,
        device="cpu",
        precision=precision,
        ema_halflife_images=100,
        ema_rampup=0.5,
        clip_norm=0.2,
        log_steps=25,
    )
    t = Trainer(Linear, datasets.load("digits", "test"), config, run, {})
    t.train(lambda method, step: None)
    return {
        "loss": run.read_stats()[-1]["loss"],
        "weights": squares(t.method),
        "average": squares(t.ema),
    }


def squares(module: nn.Module) -> float:
    return sum(p.detach().double().square().sum().item() for p in module.parameters())
