r"""MeanFlow: the mean velocity of a stretch of the path, learnt from an identity.

Zhengyang Geng, Mingyang Deng, Xingjian Bai, J. Zico Kolter, Kaiming He: *Mean Flows for One-step
Generative Modeling*, NeurIPS 2025, [arXiv:2505.13447](https://arxiv.org/abs/2505.13447); the switch
`improved` from Zhengyang Geng et al.: *Improved Mean Flows*, 2025,
[arXiv:2512.02012](https://arxiv.org/abs/2512.02012).

Flow matching learns the velocity \(v\) at one moment. Who wants to go from noise to image in one
step needs the mean velocity over the whole way (Eq. 3):

$$
u(z_t, r, t) = \frac{1}{t - r} \int_r^t v(z_\tau, \tau)\, d\tau, \qquad
z_r = z_t - (t - r)\, u(z_t, r, t)
$$

Differentiate \((t - r)\, u\) along the path and the integral is gone (Eq. 6 and 8):

$$
u(z_t, r, t) = v(z_t, t) - (t - r) \frac{d}{dt} u(z_t, r, t), \qquad
\frac{d}{dt} u = v\, \partial_z u + \partial_t u
$$

The right side, with the network in place of \(u\), the line's own \(\epsilon - x\) in place of
\(v\) and no gradient through it, is what the network is trained on (Eq. 9 to 11). The derivative is
one Jacobian-vector product, forward beside the pass itself. Where \(r = t\) this is flow matching.

Each image's squared error, summed over its pixels, is divided by itself to the power \(p\) with no
gradient, so that no image rules the others (Eq. 22); such a loss hardly falls, so the plain error
is recorded beside it.

With `guidance` \(\omega\) above 1, \(\omega\, (\epsilon - x) + (1 - \omega)\, u_\theta(z_t, t, t)\)
takes the place of the line's velocity, with \(u_\theta\) asked without label (section 4.2). What is
learnt is then the flow that classifier-free guidance makes, and one pass stays one pass.

The second paper notices that \(\epsilon - x\) in the derivative makes the target depend on what
the network can't see, and takes the network's own \(u(z_t, t, t)\) there.

## Departures from the paper

- A U-Net of 1.1 million weights on digits folded to half their size, where the paper has
  transformers on latents of photos and a U-Net of 55 million on CIFAR-10.
- Up to `flow_until` it learns flow matching alone: then the velocity is known before its mean.
- Images with r = t draw one time; the authors' code draws two there too and takes the later.
- The derivative is taken in float32 without recording, beside an ordinary pass.
- Guidance without the paper's \(\kappa\), and off by default. Labels are left out for a tenth of
  the images all the same.
- Of the second paper only the derivative's direction is here, not its extra head nor its guidance
  as a condition.
- The rate rises over `warmup` steps and falls to 0 on half a cosine.
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
from imggen.nn.solvers import uniform_times
from imggen.nn.unet import UNet


@dataclass(frozen=True)
class Config:
    """Settings for digits on two cores; the papers' are for photos."""

    conditional: bool = True
    """Use labels, where the data have them. Off: neither training nor sampling sees them."""
    improved: bool = False
    """Differentiate along the network's own velocity (second paper) instead of the line's."""
    width: int = 64
    """Channels at half the image's size; twice as many at a quarter."""
    flow_until: int | None = None
    """Step up to which r = t for all images. None: from the first step on, some have a gap."""
    guidance: float = 1.0
    """Scale omega of the guidance that is learnt (section 4.2): 1 is without."""
    gaps: float = 0.25
    """Share of the images with r < t afterwards (Table 1a: best at a quarter)."""
    time_mean: float = -0.4
    """Mean of the normal draws whose sigmoids are the times (Table 1d)."""
    time_std: float = 1.0
    """Their standard deviation (Table 1d)."""
    power: float = 1.0
    """p of the loss's weights; 0 is the squared error (Table 1e)."""
    floor: float = 0.01
    """Added to the summed squared error before the power is taken."""
    label_dropout: float = 0.1
    """Share of the images whose label is left out."""
    lr: float = 1e-3
    """Adam's learning rate after the warm-up (1e-4 in the paper, for larger networks)."""
    beta2: float = 0.95
    """Adam's second momentum (appendix A)."""
    lr_steps: int | None = None
    """Steps of the whole training, over which the rate falls to 0. None keeps it."""
    warmup: int = 300
    """Steps over which the rate rises."""

    @classmethod
    def tiny(cls) -> Config:
        """The smallest instance, for tests."""
        return cls(width=4, flow_until=5, gaps=0.5, lr=5e-3, warmup=1)


@dataclass(frozen=True)
class Sampler:
    """How many steps lead from noise to image."""

    steps: int = 1
    """Stretches of one size, each crossed in one pass."""
    precision: Literal["fp32", "bf16"] = "bf16"
    """Arithmetic of the network. What it is added to is float32 always."""


class MeanFlow(nn.Module):
    """The mean velocity, the identity that it is learnt from, and the step that it makes."""

    panels: ClassVar[Panels] = {
        "weighted loss": ("loss",),
        "squared error of a pixel": ("error", "error_gap"),
    }

    def __init__(self, config: Config, spec: Spec) -> None:
        super().__init__()
        c = config
        at_least(1, flow_until=c.flow_until, lr_steps=c.lr_steps, warmup=c.warmup)
        at_least(0, power=c.power, time_std=c.time_std)
        if not c.floor > 0:
            raise ValueError(f"floor is {c.floor}, and must be above 0")
        if not 0 < c.gaps <= 1:
            raise ValueError(f"gaps is {c.gaps}, and lies above 0 and at most at 1")
        if c.conditional and not spec.classes:
            raise ValueError("it needs labels, and these images have none (or conditional off)")
        if c.guidance != 1 and not (c.conditional and c.label_dropout > 0):
            raise ValueError(
                f"guidance is {c.guidance}, and needs labels of which some are left out"
            )
        self.config, self.spec = c, Spec(spec.shape, spec.classes if c.conditional else 0)
        self.u = UNet(spec.shape, c.width, numbers=2, classes=self.spec.classes)
        self.opt = Adam(self.u.parameters(), lr=c.lr, betas=(0.9, c.beta2), fused=True)
        self.optimizers: dict[str, Optimizer] = {"mean flow": self.opt}

    def mean_velocity(self, z: Tensor, r: Tensor, t: Tensor, y: Tensor | None) -> Tensor:
        """u(z, r, t) of mixtures (N, C, H, W), times r <= t (N,) and labels (N,) or None."""
        return self.u(z, torch.stack([t, t - r], dim=1), y)

    def training_step(self, batch: Batch, step: int, minimize: Minimize) -> dict[str, Tensor]:
        c, x = self.config, batch.x
        r, t, gaps = self.times(len(x), step, x.device)
        epsilon, at = torch.randn_like(x), t[:, None, None, None]
        y = drop_labels(batch.y, c.label_dropout, self.spec.classes)
        z = (1 - at) * x + at * epsilon
        v = self.guide(z, t, epsilon - x, y)

        target = v.clone()
        if gaps:
            part = None if y is None else y[:gaps]
            slope = self.slope(z[:gaps], r[:gaps], t[:gaps], v[:gaps], part)
            target[:gaps] -= (t - r)[:gaps, None, None, None] * slope
        error = (self.mean_velocity(z, r, t, y) - target).square().sum(dim=(1, 2, 3))
        loss = (error / (error.detach() + c.floor) ** c.power).mean()
        minimize(loss, self.opt, lr=warm_cosine(c.lr, step, c.lr_steps, c.warmup))
        stats = {"loss": loss, "error": error[gaps:].mean() / x[0].numel()}
        return stats | ({"error_gap": error[:gaps].mean() / x[0].numel()} if gaps else {})

    def times(self, n: int, step: int, device: torch.device) -> tuple[Tensor, Tensor, int]:
        """r and t (n,) of this step, and how many rows, the first, have a gap between them."""
        c = self.config
        gaps = 0 if step < (c.flow_until or 0) else min(n - 1, max(1, round(n * c.gaps)))
        draws = (c.time_mean + c.time_std * torch.randn(2, n, device=device)).sigmoid()
        r, t = draws.amin(dim=0), draws.amax(dim=0)
        t[gaps:] = r[gaps:] = draws[0, gaps:]
        return r, t, gaps

    @torch.no_grad()
    def guide(self, z: Tensor, t: Tensor, v: Tensor, y: Tensor | None) -> Tensor:
        """The velocity to be learnt (N, C, H, W): v, and for rows with a label the guided one."""
        scale = self.config.guidance
        if y is None or scale == 1:
            return v
        none = self.mean_velocity(z, t, t, torch.full_like(y, self.spec.classes))
        # Some versions of autocast keep the weights' copies made here, which have no gradient.
        torch.clear_autocast_cache()
        left_out = (y == self.spec.classes)[:, None, None, None]
        return torch.where(left_out, v, scale * v + (1 - scale) * none)

    @torch.no_grad()
    def slope(self, z: Tensor, r: Tensor, t: Tensor, v: Tensor, y: Tensor | None) -> Tensor:
        """du/dt along the path (N, C, H, W): a Jacobian-vector product in float32 (Eq. 8)."""
        with torch.autocast(z.device.type, enabled=False):
            if self.config.improved:
                v = self.mean_velocity(z, t, t, y)
            along = v, torch.zeros_like(r), torch.ones_like(t)
            found = torch.func.jvp(lambda z, r, t: self.mean_velocity(z, r, t, y), (z, r, t), along)
        return found[1]

    def latents(self, n: int, generator: torch.Generator) -> Tensor:
        """Noise images (n, C, H, W)."""
        return torch.randn(n, *self.spec.shape, generator=generator)

    def sample(self, z: Tensor, y: Tensor | None = None, sampler: Sampler | None = None) -> Tensor:
        """Raises: ValueError without labels where they are needed, or below one step."""
        sampler = sampler or Sampler()
        y, times = labelled(y, self.spec.classes), uniform_times(sampler.steps)
        for t, r in zip(times, times[1:], strict=False):
            low, high = (z.new_full((len(z),), time) for time in (r, t))
            with torch.autocast(z.device.type, torch.bfloat16, sampler.precision == "bf16"):
                z = z - (t - r) * self.mean_velocity(z, low, high, y)
        return z.clamp(-1, 1)

    def published_state(self) -> dict[str, Tensor]:
        return {f"u.{name}": value for name, value in self.u.state_dict().items()}
