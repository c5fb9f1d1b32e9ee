r"""Shortcut models: a flow that is told how far it will go.

Kevin Frans, Danijar Hafner, Sergey Levine, Pieter Abbeel: *One Step Diffusion via Shortcut Models*,
ICLR 2025, [arXiv:2410.12557](https://arxiv.org/abs/2410.12557).

A flow's velocity is right for a tiny step and wrong for a large one, since the path bends. So the
network is also told the size \(d\) of the step, and gives the direction that ends where the path
will be after it: \(z_{t-d} = z_t - d\, s_\theta(z_t, t, d)\). Tiny steps are learnt as in flow
matching; a step of twice the size is learnt from two steps of the network's own (Eq. 4 and 5):

$$
L = \mathbb{E}\, \big\| s_\theta(z_t, t, 0) - (\epsilon - x) \big\|^2 +
\mathbb{E}\, \big\| s_\theta(z_t, t, 2d) - s_\text{target} \big\|^2, \qquad
s_\text{target} = \tfrac12\, s_\theta(z_t, t, d) + \tfrac12\, s_\theta(z_{t-d}, t - d, d)
$$

with no gradient through the target. Step by step what two small steps do becomes what one larger
step does, up to the one that goes from noise to image at once. The same network then serves any
number of steps that is a power of two.

## Departures from the paper

- A U-Net of 1.1 million weights on digits folded to half their size, where the paper has
  transformers of 40 to 700 million on photos and their latents.
- A quarter of each batch learns from its own steps (`share`), an eighth in the paper; they take
  the step sizes in turn, so that a batch needs a few dozen images to reach all of them. The two
  errors are averaged over the batch, so `share` is also their weight.
- The second of two steps begins at its own time; Eq. 4 prints that of the first.
- Tiny steps are learnt at any time, larger ones at multiples of their size.
- Targets come from the weights as they are, where the paper averages them; they are not clipped,
  and no guidance goes into them.
- The size enters as its logarithm, and the finest step's size stands for 0, as in the authors'
  code.
- Time runs from the image at 0 to the noise at 1, the other way round in the paper.
- Adam without weight decay (.1 in the paper); the rate rises over `warmup` steps and falls to 0 on
  half a cosine.
- Samples come from an exponential moving average of the weights, kept by the loop.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from imggen.methods import Batch, Minimize, Panels, Spec
from imggen.nn.blocks import at_least
from imggen.nn.guidance import drop_labels, labelled
from imggen.nn.schedules import warm_cosine
from imggen.nn.solvers import euler, uniform_times
from imggen.nn.unet import UNet


@dataclass(frozen=True)
class Config:
    """Settings for digits on two cores; the paper's are for photos."""

    conditional: bool = True
    """Use labels, where the data have them. Off: neither training nor sampling sees them."""
    width: int = 64
    """Channels at half the image's size; twice as many at a quarter."""
    finest: int = 128
    """Steps from noise to image at the finest size, a power of two (section 4.1)."""
    share: float = 0.25
    """Part of each batch that learns from two of its own steps (section 4.1: 1/8)."""
    label_dropout: float = 0.1
    """Share of the other images whose label is left out (section 4.1)."""
    lr: float = 1e-3
    """Adam's learning rate after the warm-up (1e-4 in the paper, for larger networks)."""
    lr_steps: int | None = None
    """Steps of the whole training, over which the rate falls to 0. None keeps it."""
    warmup: int = 300
    """Steps over which the rate rises."""

    @classmethod
    def tiny(cls) -> Config:
        """The smallest instance, for tests."""
        return cls(width=4, finest=8, lr=5e-3, warmup=1)


@dataclass(frozen=True)
class Sampler:
    """How many steps lead from noise to image."""

    steps: int = 1
    """A power of two, at most the finest."""
    precision: Literal["fp32", "bf16"] = "bf16"
    """Arithmetic of the network. What it is added to is float32 always."""


def halvings(steps: int) -> int | None:
    """k where `steps` is 2^k, None for what is no power of two."""
    return steps.bit_length() - 1 if steps > 0 and steps & (steps - 1) == 0 else None


class Shortcut(nn.Module):
    """The direction of a step, how it is learnt, and how it is followed."""

    panels: ClassVar[Panels] = {"squared error of a pixel": ("loss_flow", "loss_twice")}

    def __init__(self, config: Config, spec: Spec) -> None:
        super().__init__()
        c = config
        at_least(1, finest=c.finest, lr_steps=c.lr_steps, warmup=c.warmup)
        k = halvings(c.finest)
        if not k:
            raise ValueError(f"finest is {c.finest}, and must be a power of two above 1")
        if not 0 < c.share < 1:
            raise ValueError(f"share is {c.share}, and lies between 0 and 1")
        if c.conditional and not spec.classes:
            raise ValueError("it needs labels, and these images have none (or conditional off)")
        self.config, self.spec = c, Spec(spec.shape, spec.classes if c.conditional else 0)
        self.finest = k
        self.s = UNet(spec.shape, c.width, numbers=2, classes=self.spec.classes)
        self.opt = Adam(self.s.parameters(), lr=c.lr, fused=True)
        self.optimizers: dict[str, Optimizer] = {"shortcut": self.opt}

    def direction(self, z: Tensor, t: Tensor, k: Tensor, y: Tensor | None) -> Tensor:
        """s(z, t, 2^-k) of mixtures (N, C, H, W), times (N,), halvings (N,) and labels (N,)."""
        return self.s(z, torch.stack([t, k / self.finest], dim=1), y)

    def training_step(self, batch: Batch, step: int, minimize: Minimize) -> dict[str, Tensor]:
        c, x, n = self.config, batch.x, len(batch.x)
        own = max(1, round(n * c.share))
        y = drop_labels(batch.y, c.label_dropout, self.spec.classes)
        if y is not None and batch.y is not None:
            y = torch.cat([batch.y[:own], y[own:]])
        # The size of each step as its halvings k; the first rows learn from two steps of half it.
        k = torch.full((n,), self.finest, device=x.device)
        k[:own] = torch.arange(own, device=x.device) % self.finest
        t = torch.rand(n, device=x.device)
        t[:own] = (t[:own] * 2 ** k[:own]).floor().add(1) / 2 ** k[:own]  # a multiple, up to 1
        epsilon, at = torch.randn_like(x), t[:, None, None, None]
        z, target = (1 - at) * x + at * epsilon, epsilon - x
        part = None if y is None else y[:own]
        target[:own] = self.two_steps(z[:own], t[:own], k[:own] + 1, part)

        error = (self.direction(z, t, k, y) - target).square().mean(dim=(1, 2, 3))
        minimize(error.mean(), self.opt, lr=warm_cosine(c.lr, step, c.lr_steps, c.warmup))
        return {"loss_flow": error[own:].mean(), "loss_twice": error[:own].mean()}

    @torch.no_grad()
    def two_steps(self, z: Tensor, t: Tensor, k: Tensor, y: Tensor | None) -> Tensor:
        """The mean direction of two steps of size d = 2^-k from time t (Eq. 4)."""
        d = 2.0**-k
        first = self.direction(z, t, k, y)
        second = self.direction(z - d[:, None, None, None] * first, t - d, k, y)
        # Some versions of autocast keep the weights' copies made here, which have no gradient.
        torch.clear_autocast_cache()
        return (first + second) / 2

    def latents(self, n: int, generator: torch.Generator) -> Tensor:
        """Noise images (n, C, H, W)."""
        return torch.randn(n, *self.spec.shape, generator=generator)

    def sample(self, z: Tensor, y: Tensor | None = None, sampler: Sampler | None = None) -> Tensor:
        """Raises: ValueError without labels where they are needed, or for other steps."""
        sampler = sampler or Sampler()
        y, halved = labelled(y, self.spec.classes), halvings(sampler.steps)
        if halved is None or halved > self.finest:
            raise ValueError(
                f"a sampler of {sampler.steps} steps was asked for: give a power of two from 1 to "
                f"{self.config.finest}"
            )
        k = z.new_full((len(z),), halved)

        def velocity(z: Tensor, t: float) -> Tensor:
            with torch.autocast(z.device.type, torch.bfloat16, sampler.precision == "bf16"):
                return self.direction(z, z.new_full((len(z),), t), k, y)

        return euler(velocity, z, uniform_times(sampler.steps)).clamp(-1, 1)

    def published_state(self) -> dict[str, Tensor]:
        return {f"s.{name}": value for name, value in self.s.state_dict().items()}
