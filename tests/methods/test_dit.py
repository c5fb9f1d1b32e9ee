"""DiT: three outputs, one loss; and when they are asked."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from cases import batch_for, spec_of
from torch import nn

from imggen.methods import Batch
from imggen.methods.dit import LEAST_TIME, Config, DiT, Sampler, velocity_from

PREDICTIONS = ("x", "epsilon", "v")
S = 0.25


def dit(**settings) -> DiT:
    return DiT(dataclasses.replace(Config.tiny(), **settings), spec_of())


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_each_output_gives_the_velocity(prediction):
    x, noise = torch.randn(2, 3, 1, 4, 4, dtype=torch.float64)
    t = torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64)[:, None, None, None]
    z, truth = (1 - t) * x + t * noise, {"x": x, "epsilon": noise, "v": noise - x}[prediction]
    assert torch.allclose(velocity_from(truth, z, t, prediction), noise - x, atol=1e-12)


def test_near_the_image_the_divisor_stays():
    z, output = torch.ones(1, 1, 1, 1), torch.zeros(1, 1, 1, 1)
    t = torch.full((1, 1, 1, 1), 1e-3)
    assert velocity_from(output, z, t, "x").item() == pytest.approx(1 / LEAST_TIME)
    assert velocity_from(output, z, 1 - t, "epsilon").item() == pytest.approx(-1 / LEAST_TIME)


class Gaussian(nn.Module):
    """The best output where images are N(0, S² I), of any of the three kinds."""

    def __init__(self, prediction: str) -> None:
        super().__init__()
        self.prediction = prediction

    def forward(self, z, t, y=None):
        t = t[:, :, None, None]
        total = ((1 - t) * S) ** 2 + t**2
        x, noise = (1 - t) * S**2 / total * z, t / total * z
        return {"x": x, "epsilon": noise, "v": noise - x}[self.prediction]


def test_the_three_have_the_same_loss_and_lead_to_the_same_images():
    losses, images = [], []
    torch.manual_seed(0)
    batch = Batch(S * torch.randn(500, 1, 8, 8), torch.zeros(500, dtype=torch.int64))
    z = torch.randn(2, 1, 8, 8)
    for prediction in PREDICTIONS:
        method = dit(prediction=prediction, time_mean=0.0, time_std=0.5)
        method.net = Gaussian(prediction)
        torch.manual_seed(1)
        stats = method.training_step(batch, 0, lambda loss, optimizer, lr=None: None)
        losses.append(stats["loss"].item())
        images.append(method.sample(z, batch.y[:2], Sampler(steps=40, precision="fp32")))
    assert losses == pytest.approx([losses[0]] * 3, rel=1e-4)
    for image in images:
        assert torch.allclose(image, S * z, atol=0.03)


@pytest.mark.parametrize(("prediction", "time_mean"), [("x", -3.0), ("epsilon", 3.0)])
def test_who_knows_the_image_has_no_loss_where_the_divisor_stays(prediction, time_mean):
    """All images are 0, so the noise is z / t: the target is divided like the output."""
    method = dit(prediction=prediction, time_mean=time_mean)
    method.net.forward = lambda z, t, y: 0 * z if prediction == "x" else z / t[:, :, None, None]
    batch = Batch(torch.zeros(200, 1, 8, 8), torch.zeros(200, dtype=torch.int64))
    stats = method.training_step(batch, 0, lambda loss, optimizer, lr=None: None)
    assert stats["loss"].item() == pytest.approx(0, abs=1e-5)


def test_times_are_those_asked_for():
    method, seen = dit(time_mean=0.8, time_std=0.5), []
    method.net.forward = lambda z, t, y: (seen.append(t), z)[1]
    method.training_step(batch_for(method, 4000), 0, lambda loss, optimizer, lr=None: None)
    logits = torch.logit(seen[0])
    assert seen[0].shape == (4000, 1)
    assert logits.mean().item() == pytest.approx(0.8, abs=0.03)
    assert logits.std().item() == pytest.approx(0.5, abs=0.03)


def test_a_patch_that_does_not_divide_the_image_is_refused():
    with pytest.raises(ValueError, match="patch is 3, and must divide both sides of 8x8"):
        dit(patch=3)
    with pytest.raises(ValueError, match="time_std is -1"):
        dit(time_std=-1.0)
