r"""EDM: what is left of diffusion when each choice is made by itself.

Tero Karras, Miika Aittala, Timo Aila, Samuli Laine: *Elucidating the Design Space of
Diffusion-Based Generative Models*, NeurIPS 2022,
[arXiv:2206.00364](https://arxiv.org/abs/2206.00364).

Noise of standard deviation \(\sigma\) is added to an image, and a denoiser \(D\) finds the image
again. So that the network \(F\) in it sees and makes values of unit size at any \(\sigma\), it is
wrapped (Eq. 7, Table 1):

$$
D(z, \sigma) = c_\text{skip}\, z + c_\text{out}\, F\big(c_\text{in}\, z, \tfrac14 \ln \sigma\big),
\quad
c_\text{skip} = \frac{\sigma_d^2}{\sigma^2 + \sigma_d^2}, \quad
c_\text{out} = \frac{\sigma \sigma_d}{\sqrt{\sigma^2 + \sigma_d^2}}, \quad
c_\text{in} = \frac{1}{\sqrt{\sigma^2 + \sigma_d^2}}
$$

with \(\sigma_d\) the root mean square of the pixels. Training spends its effort where there is
something to learn, at \(\ln \sigma \sim N(P_\text{mean}, P_\text{std}^2)\), and weighs errors so
that \(F\) has a loss of the same size everywhere (Eq. 8, section 5):

$$
L = \mathbb{E}_{x, \epsilon, \sigma}\, c_\text{out}^{-2}\, \big\| D(x + \sigma \epsilon, \sigma) - x
\big\|^2
$$

Sampling follows \(dz/d\sigma = (z - D(z, \sigma)) / \sigma\) from \(\sigma_{\max}\) down to 0, by
Heun's method on steps that get smaller with \(\sigma\) (Eq. 1 and 5, Algorithm 1).

A network that is worse at the same task is a guide: what the better one does and the worse does not
is what one wants more of (Karras et al. 2024, *Guiding a Diffusion Model with a Bad Version of
Itself*, [arXiv:2406.02507](https://arxiv.org/abs/2406.02507), Eq. 3 there). With `guide_width` a
narrower network is trained beside the first, and `Sampler.autoguidance` \(w\) takes
\(D_\text{guide} + w\, (D - D_\text{guide})\).

## Departures from the paper

- A U-Net of less than a million weights on digits folded to half their size, where the paper's
  has 56 million; no dropout and no augmentation.
- Pixels lie in [-1, 1] and are not centred; \(\sigma_d\) is their root mean square about 0, where
  the paper sets .5, the deviation of its photos.
- The guide learns at the pace and for the time of the network that it guides; `guide_every` leaves
  batches out, so that it sees fewer images, as the second paper's does.
- The rate rises over `warmup` steps and falls to 0 on half a cosine, where the paper's rises and
  stays.
- `solver="2m"` samples with DPM-Solver++ ([arXiv:2211.01095](https://arxiv.org/abs/2211.01095)) in
  place of Heun's method. The experiment does, and draws \(\ln \sigma\) around -.55: the paper's
  -1.2, moved by the logarithm of the ratio of both \(\sigma_d\); its rate is twice the paper's.
- Without stochastic sampling (Algorithm 2 there). What is sampled is float32, where the first
  paper's released code has float64.
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
from imggen.nn.guidance import drop_labels, guided, labelled
from imggen.nn.schedules import warm_cosine
from imggen.nn.solvers import Field, Level, dpm_solver_2m, euler, heun
from imggen.nn.unet import UNet


@dataclass(frozen=True)
class Config:
    """Settings for digits on two cores; the paper's are for photos."""

    conditional: bool = True
    """Use labels, where the data have them. Off: neither training nor sampling sees them."""
    width: int = 64
    """Channels at half the image's size; twice as many at a quarter."""
    guide_width: int | None = None
    """The same of a second, worse network for autoguidance. None: there is none."""
    guide_every: int = 1
    """The guide learns from one batch of so many: fewer images make it worse as well."""
    label_dropout: float = 0.1
    """Share of the images whose label is left out (Ho and Salimans 2022: .1 to .2)."""
    sigma_data: float = 0.5
    """Root mean square of the pixels in [-1, 1] (Table 1: .5)."""
    P_mean: float = -1.2
    """Mean of ln sigma in training (Table 1)."""
    P_std: float = 1.2
    """Standard deviation of ln sigma in training (Table 1)."""
    lr: float = 1e-3
    """Adam's learning rate after the warm-up (Table 2)."""
    lr_steps: int | None = None
    """Steps of the whole training, over which the rate falls to 0. None keeps it."""
    warmup: int = 300
    """Steps over which the rate rises."""

    @classmethod
    def tiny(cls) -> Config:
        """The smallest instance, for tests."""
        return cls(width=4, guide_width=4, lr=5e-3, warmup=1)


@dataclass(frozen=True)
class Sampler:
    """How the flow is followed from noise to image."""

    solver: Literal["euler", "heun", "2m"] = "heun"
    """Heun's method asks the network twice a step, but for the last one; the others once."""
    steps: int = 18
    """Steps from sigma_max to 0 (Table 1: 18 for small photos)."""
    sigma_min: float = 0.002
    """The last level above 0."""
    sigma_max: float = 80.0
    """The first level."""
    rho: float = 7.0
    """How much shorter steps are at low noise (Eq. 5)."""
    guidance: float = 1.0
    """Scale of classifier-free guidance: 1 is without, 0 ignores the label."""
    autoguidance: float = 1.0
    """Scale of guidance by the worse network: 1 is without, 0 is the worse network alone."""
    precision: Literal["fp32", "bf16"] = "bf16"
    """Arithmetic of the network. What it is added to is float32 always."""


def sigma_steps(steps: int, sigma_min: float, sigma_max: float, rho: float) -> list[float]:
    """Falling noise levels, `steps` of them and 0 (Eq. 5).

    Raises: ValueError below one step, or for levels that don't fall.
    """
    if steps < 1:
        raise ValueError(f"a sampler of {steps} steps draws nothing")
    if not 0 < sigma_min < sigma_max:
        raise ValueError(f"sigma_min is {sigma_min}, and lies between 0 and {sigma_max}")
    if not rho > 0:
        raise ValueError(f"rho is {rho}, and must be above 0")
    first, last = sigma_max ** (1 / rho), sigma_min ** (1 / rho)
    at = [first + i / max(1, steps - 1) * (last - first) for i in range(steps)]
    return [*(value**rho for value in at), 0.0]


class EDM(nn.Module):
    """The denoiser, its guide if there is one, how they are learnt, and the way back."""

    panels: ClassVar[Panels] = {"weighted squared error": ("loss", "loss_guide")}

    def __init__(self, config: Config, spec: Spec) -> None:
        super().__init__()
        c = config
        at_least(1, width=c.width, guide_width=c.guide_width, guide_every=c.guide_every)
        at_least(1, lr_steps=c.lr_steps, warmup=c.warmup)
        if not c.sigma_data > 0:
            raise ValueError(f"sigma_data is {c.sigma_data}, and must be above 0")
        if c.conditional and not spec.classes:
            raise ValueError("it needs labels, and these images have none (or conditional off)")
        self.config, self.spec = c, Spec(spec.shape, spec.classes if c.conditional else 0)
        self.F = UNet(spec.shape, c.width, classes=self.spec.classes)
        self.guide = None
        if c.guide_width is not None:
            self.guide = UNet(spec.shape, c.guide_width, classes=self.spec.classes)
        self.optimizers: dict[str, Optimizer] = {}
        for name, network in (("F", self.F), ("guide", self.guide)):
            if network is not None:
                self.optimizers[name] = Adam(network.parameters(), lr=c.lr, fused=True)

    def denoise(self, F: nn.Module, z: Tensor, sigma: Tensor, y: Tensor | None) -> Tensor:
        """D(z, sigma): mixtures (N, C, H, W) and their noise levels (N,) -> images (Eq. 7)."""
        sigma_d, at = self.config.sigma_data, sigma[:, None, None, None]
        total = (at**2 + sigma_d**2).sqrt()
        found = F(z / total, sigma.log()[:, None] / 4, y)
        return (sigma_d / total) ** 2 * z + at * sigma_d / total * found

    def training_step(self, batch: Batch, step: int, minimize: Minimize) -> dict[str, Tensor]:
        c, x = self.config, batch.x
        sigma = (c.P_mean + c.P_std * torch.randn(len(x), device=x.device)).exp()
        z = x + sigma[:, None, None, None] * torch.randn_like(x)
        y = drop_labels(batch.y, c.label_dropout, self.spec.classes)
        lr = warm_cosine(c.lr, step, c.lr_steps, c.warmup)
        stats = {"loss": self.loss(self.F, x, z, sigma, y)}
        minimize(stats["loss"], self.optimizers["F"], lr=lr)
        if self.guide is not None and step % c.guide_every == 0:
            stats["loss_guide"] = self.loss(self.guide, x, z, sigma, y)
            minimize(stats["loss_guide"], self.optimizers["guide"], lr=lr)
        return stats

    def loss(self, F: nn.Module, x: Tensor, z: Tensor, sigma: Tensor, y: Tensor | None) -> Tensor:
        """The weighted squared error of a pixel (Eq. 8)."""
        error = (self.denoise(F, z, sigma, y) - x).square().mean(dim=(1, 2, 3))
        sigma_d = self.config.sigma_data
        return (error * (sigma**2 + sigma_d**2) / (sigma * sigma_d) ** 2).mean()

    def latents(self, n: int, generator: torch.Generator) -> Tensor:
        """Noise images (n, C, H, W) of unit variance."""
        return torch.randn(n, *self.spec.shape, generator=generator)

    def sample(self, z: Tensor, y: Tensor | None = None, sampler: Sampler | None = None) -> Tensor:
        """Raises: ValueError without labels where they are needed, or for a senseless sampler."""
        s = sampler or Sampler()
        levels = sigma_steps(s.steps, s.sigma_min, s.sigma_max, s.rho)
        denoise = self.denoiser(labelled(y, self.spec.classes), s)
        z = z * s.sigma_max
        if s.solver == "2m":
            return dpm_solver_2m(denoise, z, [Level(at, 1.0, at) for at in levels]).clamp(-1, 1)

        def slope(z: Tensor, sigma: float) -> Tensor:
            return (z - denoise(z, sigma)) / sigma

        return (heun if s.solver == "heun" else euler)(slope, z, levels).clamp(-1, 1)

    def denoiser(self, y: Tensor | None, s: Sampler) -> Field:
        """The denoiser with one of the two guidances, or none.

        Raises: ValueError for both at once, or for a guide that was not trained.
        """
        if s.guidance != 1 and s.autoguidance != 1:
            raise ValueError("guidance and autoguidance don't go together: leave one at 1")
        if s.autoguidance != 1 and self.guide is None:
            raise ValueError(f"autoguidance is {s.autoguidance}, and this model has no guide")

        def field(network: nn.Module) -> Field:
            def predict(z: Tensor, sigma: float, y: Tensor | None) -> Tensor:
                with torch.autocast(z.device.type, torch.bfloat16, s.precision == "bf16"):
                    return self.denoise(network, z, z.new_full((len(z),), sigma), y)

            return guided(predict, y, self.spec.classes, s.guidance)

        good = field(self.F)
        if self.guide is None or s.autoguidance == 1:
            return good
        bad, w = field(self.guide), s.autoguidance

        def pulled(z: Tensor, sigma: float) -> Tensor:
            less = bad(z, sigma)
            return less + w * (good(z, sigma) - less)

        return pulled

    def published_state(self) -> dict[str, Tensor]:
        return dict(self.state_dict())
