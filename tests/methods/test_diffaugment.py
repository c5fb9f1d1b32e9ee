"""DiffAugment: what each change does to an image, and that G learns through it."""

from __future__ import annotations

import pytest
import torch

from imggen.methods import Batch, Spec, diffaugment
from imggen.methods.diffaugment import CHANGES, brightness, contrast, cutout, translation

SPEC = Spec((1, 16, 16))


def images(n: int = 200, channels: int = 1) -> torch.Tensor:
    return torch.rand(n, channels, 16, 16, generator=torch.Generator().manual_seed(0)) * 1.8 - 0.8


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("channels", [1, 3])
def test_gradients_flow_through_every_change(name, channels):
    """By finite differences, with the same random numbers each time."""
    x, direction = images(3, channels).double(), images(3, channels).double()

    def value(x: torch.Tensor) -> torch.Tensor:
        torch.manual_seed(1)
        return CHANGES[name](x).square().sum()

    y = x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(value(y), y)
    step = 1e-5
    difference = (value(x + step * direction) - value(x - step * direction)) / (2 * step)
    assert (slope * direction).sum().item() == pytest.approx(difference.item(), rel=1e-6)
    assert slope.abs().sum() > 0


def test_a_shift_moves_whole_images_and_fills_with_empty_paper():
    x = torch.full((400, 1, 16, 16), -1.0)
    x[:, :, 8, 8] = 1.0
    torch.manual_seed(0)
    where = (translation(x) == 1).nonzero()
    assert len(where) == 400, "the point is never lost"
    assert set((where[:, 2:] - 8).flatten().tolist()) == {-2, -1, 0, 1, 2}
    edge = translation(torch.zeros(400, 1, 16, 16))
    assert set(edge.unique().tolist()) == {-1.0, 0.0}


def test_a_square_of_half_the_side_is_emptied_anywhere():
    torch.manual_seed(0)
    emptied = (cutout(torch.zeros(2000, 1, 16, 16)) == -1).float()
    sizes = emptied.sum(dim=(1, 2, 3))
    assert sizes.max() == 64 and sizes.min() >= 16, "at a border only a part of it is inside"
    often = emptied.mean(dim=0)[0]
    assert often.min() > 0.05 and often[8, 8] > often[0, 0]


def test_colour_changes_touch_what_they_should():
    x = images()
    torch.manual_seed(0)
    lighter = brightness(x) - x
    assert torch.allclose(lighter, lighter[:, :, :1, :1].expand_as(lighter), atol=1e-6)
    assert lighter.abs().max() <= 0.5 and lighter.flatten(1)[:, 0].unique().numel() > 150
    stretched = contrast(x)
    assert torch.allclose(stretched.mean(dim=(1, 2, 3)), x.mean(dim=(1, 2, 3)), atol=1e-6)
    factor = stretched.std(dim=(1, 2, 3)) / x.std(dim=(1, 2, 3))
    assert factor.min() >= 0.5 and factor.max() <= 1.5


def test_the_discriminator_never_sees_an_image_as_it_is():
    torch.manual_seed(0)
    method = diffaugment.DiffAugment(diffaugment.Config(width=4), SPEC)
    seen = []
    method.D.register_forward_pre_hook(lambda _, given: seen.append(given[0].detach()))
    x = images(32)
    method.training_step(Batch(x), 0, lambda loss, optimizer, lr=None: None)
    assert [len(part) for part in seen] == [64, 32, 32], "both, real for the penalty, generated"
    for part in (seen[0][:32], seen[1]):
        assert not any(torch.equal(a, b) for a, b in zip(part, x, strict=True))
    assert not torch.equal(seen[0][:32], seen[1]), "changed anew for the penalty"
    assert not torch.equal(seen[0][32:], seen[2]), "changed anew for the generator's step"


def test_without_a_policy_nothing_is_changed():
    method = diffaugment.DiffAugment(diffaugment.Config(policy=(), width=4), SPEC)
    x = images(4)
    assert torch.equal(method.changed(x), x)
    with pytest.raises(ValueError, match="policy knows no flip"):
        diffaugment.DiffAugment(diffaugment.Config(policy=("flip",), width=4), SPEC)
