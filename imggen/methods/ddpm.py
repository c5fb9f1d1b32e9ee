r"""Denoising diffusion: noise is added in many small steps, and taken away again.

Jonathan Ho, Ajay Jain, Pieter Abbeel: *Denoising Diffusion Probabilistic Models*, NeurIPS 2020,
[arXiv:2006.11239](https://arxiv.org/abs/2006.11239); the cosine schedule by Alex Nichol and
Prafulla Dhariwal: *Improved Denoising Diffusion Probabilistic Models*, ICML 2021,
[arXiv:2102.09672](https://arxiv.org/abs/2102.09672).

An image \(x\) is hidden little by little, in \(T\) steps that keep its variance. After \(t\) of
them a part \(\bar\alpha_t = \prod_{s \le t} (1 - \beta_s)\) of it is left (Eq. 4). A network is
shown the mixture and guesses the noise in it, by the bound on the likelihood with all weights set
to 1 (Eq. 14):

$$
z_t = \sqrt{\bar\alpha_t}\, x + \sqrt{1 - \bar\alpha_t}\, \epsilon, \qquad
L = \mathbb{E}_{x, \epsilon, t}\, \big\| \epsilon - \epsilon_\theta(z_t, t) \big\|^2
$$

Who knows the noise knows the image, \(\hat x = (z_t - \sqrt{1 - \bar\alpha_t}\, \epsilon_\theta) /
\sqrt{\bar\alpha_t}\), and a little less noisy mixture can be drawn from
\(q(z_{t-1} | z_t, \hat x)\), a normal distribution (Eq. 7). From pure noise down to \(t = 0\) that
makes \(T\) passes. Song et al. 2021 (DDIM, [arXiv:2010.02502](https://arxiv.org/abs/2010.02502))
saw that the same network serves samplers that skip steps, and that need not draw at all; Lu et al.
2022 (DPM-Solver++, [arXiv:2211.01095](https://arxiv.org/abs/2211.01095)) gave one of the second
order.

The linear schedule has \(\beta\) rise from \(10^{-4}\) to .02 (section 4). The cosine one has
\(\bar\alpha_t = \cos^2\!\big(\tfrac{t/T + s}{1 + s} \tfrac{\pi}{2}\big)\) up to a factor, with
\(s = .008\) and \(\beta \le .999\) (second paper, Eq. 17).

## Departures from the paper

- A U-Net of 1.1 million weights on digits folded to half their size, where the paper's has 36
  million; no dropout.
- Labels enter, and are left out for a tenth of the images, so that guidance is possible.
- With `levels` below 1,000 the linear schedule's steps are larger in proportion, so that as little
  is left of the image at the end.
- The guessed image is clamped to [-1, 1] before the next mixture is drawn, as in the authors' code
  and not in their Algorithm 2, unless `Sampler.clip` is off.
- Of the second paper only the schedule is here, not the learnt variance.
- The rate rises over `warmup` steps and falls to 0 on half a cosine.
- Samples come from an exponential moving average of the weights, kept by the loop.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from imggen.methods import Batch, Minimize, Panels, Spec
from imggen.nn.blocks import at_least
from imggen.nn.guidance import drop_labels, guided, labelled
from imggen.nn.schedules import warm_cosine
from imggen.nn.solvers import Level, ancestral, ddim, dpm_solver_2m
from imggen.nn.unet import UNet

COSINE_OFFSET, MOST = 0.008, 0.999
FAINTEST = -5.0
"""log(alpha / sigma) below which there is nothing to see: no stop is spent there."""


@dataclass(frozen=True)
class Config:
    """Settings for digits on two cores; the papers' are for photos."""

    conditional: bool = True
    """Use labels, where the data have them. Off: neither training nor sampling sees them."""
    width: int = 64
    """Channels at half the image's size; twice as many at a quarter (128 in the paper)."""
    label_dropout: float = 0.1
    """Share of the images whose label is left out (Ho and Salimans 2022: .1 to .2)."""
    schedule: Literal["linear", "cosine"] = "cosine"
    """How the noise grows: as in the first paper, or in the second."""
    levels: int = 1000
    """T, the number of steps from image to noise (section 4)."""
    lr: float = 1e-3
    """Adam's learning rate after the warm-up (2e-4 in the paper, for a larger network)."""
    lr_steps: int | None = None
    """Steps of the whole training, over which the rate falls to 0. None keeps it."""
    warmup: int = 300
    """Steps over which the rate rises."""

    @classmethod
    def tiny(cls) -> Config:
        """The smallest instance, for tests."""
        return cls(width=4, lr=5e-3, warmup=1, levels=50)


@dataclass(frozen=True)
class Sampler:
    """How the noise is taken away."""

    solver: Literal["ddim", "ancestral", "2m"] = "ddim"
    """DDIM, the paper's own draws, or DPM-Solver++ of the second order; one pass a step each."""
    steps: int = 50
    """Steps from noise to image, at most as many as there are levels."""
    eta: float = 0.0
    """DDIM: how much noise is drawn anew, from 0, none, to 1, as much as in DDPM."""
    wide: bool = False
    """Ancestral: the larger of the two variances of section 3.2."""
    clip: bool = True
    """Clamp denoised images to [-1, 1]. Off, levels that are almost noise magnify errors."""
    guidance: float = 1.0
    """Scale of classifier-free guidance: 1 is without, 0 ignores the label."""
    precision: Literal["fp32", "bf16"] = "bf16"
    """Arithmetic of the network. What it is added to is float32 always."""


def betas(schedule: str, levels: int) -> Tensor:
    """Variance that each step adds: float64 (levels,), the first at index 0."""
    if schedule == "linear":
        scale = 1000 / levels
        steps = torch.linspace(scale * 1e-4, scale * 0.02, levels, dtype=torch.float64)
        return steps.clamp(max=MOST)
    t = torch.arange(levels + 1, dtype=torch.float64) / levels
    left = ((t + COSINE_OFFSET) / (1 + COSINE_OFFSET) * math.pi / 2).cos().square()
    return (1 - left[1:] / left[:-1]).clamp(max=MOST)


class DDPM(nn.Module):
    """The network that finds the noise, its schedule, and the way back."""

    panels: ClassVar[Panels] = {"squared error of the noise": ("loss",)}

    alpha: Tensor
    sigma: Tensor

    def __init__(self, config: Config, spec: Spec) -> None:
        super().__init__()
        c = config
        at_least(2, levels=c.levels)
        at_least(1, lr_steps=c.lr_steps, warmup=c.warmup)
        if c.conditional and not spec.classes:
            raise ValueError("it needs labels, and these images have none (or conditional off)")
        self.config, self.spec = c, Spec(spec.shape, spec.classes if c.conditional else 0)
        self.epsilon = UNet(spec.shape, c.width, classes=self.spec.classes)
        kept = torch.cat([torch.ones(1), (1 - betas(c.schedule, c.levels)).cumprod(0)])
        self.register_buffer("alpha", kept.sqrt().float(), persistent=False)
        self.register_buffer("sigma", (1 - kept).sqrt().float(), persistent=False)
        self.opt = Adam(self.epsilon.parameters(), lr=c.lr, fused=True)
        self.optimizers: dict[str, Optimizer] = {"noise": self.opt}

    def training_step(self, batch: Batch, step: int, minimize: Minimize) -> dict[str, Tensor]:
        c, x = self.config, batch.x
        t = torch.randint(1, c.levels + 1, (len(x),), device=x.device)
        epsilon = torch.randn_like(x)
        alpha, sigma = (of[t][:, None, None, None] for of in (self.alpha, self.sigma))
        y = drop_labels(batch.y, c.label_dropout, self.spec.classes)
        found = self.epsilon(alpha * x + sigma * epsilon, t[:, None] / c.levels, y)
        loss = (found - epsilon).square().mean()
        minimize(loss, self.opt, lr=warm_cosine(c.lr, step, c.lr_steps, c.warmup))
        return {"loss": loss}

    def latents(self, n: int, generator: torch.Generator) -> Tensor:
        """Noise images (n, C, H, W)."""
        return torch.randn(n, *self.spec.shape, generator=generator)

    def stops(self, sampler: Sampler) -> list[Level]:
        """Where the sampler stops on the way from level T to 0, `steps` + 1 levels.

        As evenly as the levels allow: in t, or for DPM-Solver++ in log(alpha / sigma).

        Raises: ValueError below one step, for more steps than there are levels, or for a wrong eta.
        """
        T, n = self.config.levels, sampler.steps
        if not 1 <= n <= T:
            raise ValueError(f"a sampler of {n} steps was asked for: give from 1 to {T}")
        if not 0 <= sampler.eta <= 1:
            raise ValueError(f"eta is {sampler.eta}, and must lie between 0 and 1")
        at = [round(T * (1 - i / n)) for i in range(n + 1)]
        if sampler.solver == "2m":
            at = self.evenly_in_log_ratio(n)
        return [Level(t / T, self.alpha[t].item(), self.sigma[t].item()) for t in at]

    def evenly_in_log_ratio(self, n: int) -> list[int]:
        """n + 1 falling levels: T first, 0 last, the others on even steps from T to level 1.

        The last step goes to 0 in place of 1, so that no pass is spent on noise that can't be seen.
        """
        T = self.config.levels
        ratio = (self.alpha[1:] / self.sigma[1:]).log().double().cpu()  # of levels 1 to T
        first = max(ratio[-1].item(), FAINTEST)
        wanted = torch.linspace(first, ratio[0].item(), n + 1, dtype=torch.float64)
        nearest = (1 + (ratio - wanted[:, None]).abs().argmin(dim=1)).tolist()
        at = [T, *nearest[1:n], 0]
        # Near both ends levels are sparse in this measure: none is taken twice.
        for i in range(1, n):
            at[i] = min(at[i], at[i - 1] - 1)
        for i in reversed(range(1, n)):
            at[i] = max(at[i], at[i + 1] + 1)
        return at

    def sample(self, z: Tensor, y: Tensor | None = None, sampler: Sampler | None = None) -> Tensor:
        """Raises: ValueError without labels where they are needed, or for a senseless sampler."""
        sampler = sampler or Sampler()
        stops, y = self.stops(sampler), labelled(y, self.spec.classes)
        at = {level.t: level for level in stops}

        def epsilon(z: Tensor, t: float, y: Tensor | None) -> Tensor:
            with torch.autocast(z.device.type, torch.bfloat16, sampler.precision == "bf16"):
                return self.epsilon(z, z.new_full((len(z), 1), t), y)

        noise = guided(epsilon, y, self.spec.classes, sampler.guidance)

        def denoise(z: Tensor, t: float) -> Tensor:
            x = (z - at[t].sigma * noise(z, t)) / at[t].alpha
            return x.clamp(-1, 1) if sampler.clip else x

        match sampler.solver:
            case "ddim":
                x = ddim(denoise, z, stops, sampler.eta)
            case "ancestral":
                x = ancestral(denoise, z, stops, sampler.wide)
            case "2m":
                x = dpm_solver_2m(denoise, z, stops)
        return x.clamp(-1, 1)

    def published_state(self) -> dict[str, Tensor]:
        return {f"epsilon.{name}": value for name, value in self.epsilon.state_dict().items()}
