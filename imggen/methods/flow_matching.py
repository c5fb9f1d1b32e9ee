r"""Flow matching: noise is carried to images along straight lines.

Yaron Lipman, Ricky T. Q. Chen, Heli Ben-Hamu, Maximilian Nickel, Matt Le: *Flow Matching for
Generative Modeling*, ICLR 2023, [arXiv:2210.02747](https://arxiv.org/abs/2210.02747); Xingchao Liu,
Chengyue Gong, Qiang Liu: *Flow Straight and Fast*, ICLR 2023,
[arXiv:2209.03003](https://arxiv.org/abs/2209.03003); Alexander Tong et al.: *Improving and
Generalizing Flow-Based Generative Models with Minibatch Optimal Transport*, TMLR 2024,
[arXiv:2302.00482](https://arxiv.org/abs/2302.00482).

A straight line leads from each image \(x\) to a draw of noise \(\epsilon\), and a network learns
the velocity along it (first paper, Eq. 23 with \(\sigma_{\min} = 0\); second paper, Eq. 1):

$$
z_t = (1 - t)\, x + t\, \epsilon, \qquad
L = \mathbb{E}_{x, \epsilon, t}\, \big\| v_\theta(z_t, t) - (\epsilon - x) \big\|^2, \qquad
t \sim U[0, 1]
$$

Many lines cross at a point, so the network can only learn their mean velocity there. The flow of
these means, \(dz/dt = v_\theta(z, t)\), nevertheless carries all of the noise to all of the images
(first paper, Theorem 2), on paths that bend where lines crossed. Sampling follows it from \(t = 1\)
to 0 in a few steps; the straighter the paths, the fewer.

Two ways to have fewer crossings. `pairing = "optimal"`: in each batch, images and noise are paired
so that the sum of squared distances is least (third paper, section 3.2.3). `reflow_from`: from this
step on, noise is paired with the image to which the flow learnt so far carries it (second paper,
Algorithm 1): such pairs can't cross, and training on them straightens what is bent.

With `Sampler.guidance` above 1 samples follow their label more closely than the training images did
(Ho and Salimans 2022, [arXiv:2207.12598](https://arxiv.org/abs/2207.12598)).

## Departures from the paper

- Time runs from the image at 0 to the noise at 1, the other way round in all three papers.
- A U-Net of 1.1 million weights on digits folded to half their size; the papers' have 35 times as
  many and see photos.
- Labels enter, and are left out for a tenth of the images, so that guidance is possible; none of
  the papers has it.
- Optimal pairs are sought among images of one label only, or noise would tell the label and
  sampling could not.
- Pairs for reflow are made anew in each step by a frozen copy of the network, where the second
  paper makes a set of pairs once; so none is seen twice.
- The rate rises over `warmup` steps and falls to 0 on half a cosine, once in each phase.
- Samples come from an exponential moving average of the weights, kept by the loop.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from imggen.methods import Batch, Minimize, Panels, Spec
from imggen.nn.blocks import at_least
from imggen.nn.guidance import drop_labels, guided, labelled
from imggen.nn.schedules import warm_cosine
from imggen.nn.solvers import euler, heun, uniform_times
from imggen.nn.unet import UNet


@dataclass(frozen=True)
class Config:
    """Settings for digits on two cores; the papers' are for photos."""

    conditional: bool = True
    """Use labels, where the data have them. Off: neither training nor sampling sees them."""
    width: int = 64
    """Channels at half the image's size; twice as many at a quarter."""
    label_dropout: float = 0.1
    """Share of the images whose label is left out (Ho and Salimans 2022: .1 to .2)."""
    pairing: Literal["independent", "optimal"] = "independent"
    """How images and noise meet: by chance, or by optimal transport in the batch."""
    reflow_from: int | None = None
    """Step from which pairs come from the flow learnt so far. None: never."""
    reflow_steps: int = 8
    """Steps of Heun's method by which a pair's image is made from its noise."""
    lr: float = 1e-3
    """Adam's learning rate after the warm-up."""
    lr_steps: int | None = None
    """Steps of the whole training, over which the rate falls to 0. None keeps it."""
    warmup: int = 300
    """Steps over which the rate rises."""

    @classmethod
    def tiny(cls) -> Config:
        """The smallest instance, for tests."""
        return cls(width=4, lr=5e-3, warmup=1)


@dataclass(frozen=True)
class Sampler:
    """How the flow is followed from noise to image."""

    solver: Literal["euler", "heun"] = "heun"
    """Euler's method asks the network once a step, Heun's twice, but for the last step."""
    steps: int = 10
    """Steps of one size from time 1 to 0."""
    guidance: float = 1.0
    """Scale of classifier-free guidance: 1 is without, 0 ignores the label."""
    precision: Literal["fp32", "bf16"] = "bf16"
    """Arithmetic of the network. What it is added to is float32 always."""


SOLVERS = {"euler": euler, "heun": heun}


def optimal_pairs(noise: Tensor, x: Tensor, y: Tensor | None = None) -> Tensor:
    """The rows of `noise` (N, ...) in the order that brings them nearest to those of x (N, ...).

    Least sum of squared distances among all orders, or among those that keep each row with an image
    of the same label y (N,).
    """
    order = torch.arange(len(x), device=x.device)
    labels = torch.zeros_like(order) if y is None else y
    for label in labels.unique():
        rows = (labels == label).nonzero()[:, 0]
        a, b = x[rows].flatten(1).float(), noise[rows].flatten(1).float()
        # -2 a.b differs from the squared distance by what no order changes.
        with torch.autocast(x.device.type, enabled=False):
            _, best = linear_sum_assignment((-a @ b.T).cpu().numpy())
        order[rows] = rows[torch.from_numpy(best).to(rows.device)]
    return noise[order]


class FlowMatching(nn.Module):
    """The velocity, how it is learnt, and how it is followed."""

    panels: ClassVar[Panels] = {"squared error of a pixel": ("loss",)}

    def __init__(self, config: Config, spec: Spec) -> None:
        super().__init__()
        c = config
        at_least(1, reflow_from=c.reflow_from, reflow_steps=c.reflow_steps, lr_steps=c.lr_steps)
        at_least(1, warmup=c.warmup)
        if c.conditional and not spec.classes:
            raise ValueError("it needs labels, and these images have none (or conditional off)")
        self.config, self.spec = c, Spec(spec.shape, spec.classes if c.conditional else 0)
        self.v = UNet(spec.shape, c.width, classes=self.spec.classes)
        self.teacher = None
        if c.reflow_from is not None:
            self.teacher = copy.deepcopy(self.v).requires_grad_(False)
        self.opt = Adam(self.v.parameters(), lr=c.lr, fused=True)
        self.optimizers: dict[str, Optimizer] = {"flow": self.opt}

    def training_step(self, batch: Batch, step: int, minimize: Minimize) -> dict[str, Tensor]:
        noise = torch.randn_like(batch.x)
        x, noise = self.pairs(batch, noise, step)
        t = torch.rand(len(x), device=x.device)
        at = t[:, None, None, None]
        y = drop_labels(batch.y, self.config.label_dropout, self.spec.classes)
        v = self.v((1 - at) * x + at * noise, t[:, None], y)
        loss = (v - (noise - x)).square().mean()
        minimize(loss, self.opt, lr=self.learning_rate(step))
        return {"loss": loss}

    def pairs(self, batch: Batch, noise: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """Images and noise (N, C, H, W) that lines are drawn between in this step."""
        c = self.config
        if self.teacher is not None and c.reflow_from is not None and step >= c.reflow_from:
            if step == c.reflow_from:
                self.teacher.load_state_dict(self.v.state_dict())
            return self.follow(self.teacher, noise, batch.y, Sampler(steps=c.reflow_steps)), noise
        if c.pairing == "optimal":
            noise = optimal_pairs(noise, batch.x, batch.y)
        return batch.x, noise

    def learning_rate(self, step: int) -> float:
        """Up and down again, once in each phase."""
        c = self.config
        begin, end = 0, c.lr_steps
        if c.reflow_from is not None:
            begin, end = (0, c.reflow_from) if step < c.reflow_from else (c.reflow_from, c.lr_steps)
        return warm_cosine(c.lr, step - begin, None if end is None else end - begin, c.warmup)

    def latents(self, n: int, generator: torch.Generator) -> Tensor:
        """Noise images (n, C, H, W)."""
        return torch.randn(n, *self.spec.shape, generator=generator)

    @torch.no_grad()
    def follow(self, v: nn.Module, z: Tensor, y: Tensor | None, sampler: Sampler) -> Tensor:
        """Noise (N, C, H, W) -> where the flow of `v` carries it."""

        def velocity(z: Tensor, t: float, y: Tensor | None) -> Tensor:
            with torch.autocast(z.device.type, torch.bfloat16, sampler.precision == "bf16"):
                return v(z, z.new_full((len(z), 1), t), y)

        field = guided(velocity, y, self.spec.classes, sampler.guidance)
        return SOLVERS[sampler.solver](field, z, uniform_times(sampler.steps))

    def sample(self, z: Tensor, y: Tensor | None = None, sampler: Sampler | None = None) -> Tensor:
        """Raises: ValueError without labels where they are needed, or below one step."""
        y = labelled(y, self.spec.classes)
        return self.follow(self.v, z, y, sampler or Sampler()).clamp(-1, 1)

    def published_state(self) -> dict[str, Tensor]:
        return {f"v.{name}": value for name, value in self.v.state_dict().items()}
