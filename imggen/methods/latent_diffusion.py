r"""Latent diffusion: an autoencoder makes images small, and a flow learns what is left.

Robin Rombach, Andreas Blattmann, Dominik Lorenz, Patrick Esser, Björn Ommer: *High-Resolution Image
Synthesis with Latent Diffusion Models*, CVPR 2022,
[arXiv:2112.10752](https://arxiv.org/abs/2112.10752).

Most of what a pixel says matters little to the eye, and a diffusion model spends most of its work
on it. So the work is divided. First an autoencoder learns to give images back through latents
\(h\) at a quarter of their height and width, held near a standard normal by a KL term of very small
weight \(\lambda\) (section 3.1 and appendix G):

$$
L_1 = \mathbb{E}_x\, \mathbb{E}_{h \sim q(h \mid x)}
\tfrac{1}{n_x}\| x - D(h) \|^2 +
\lambda\, \tfrac{1}{n_h} D_\text{KL}\big(q(h \mid x) \,\|\, \mathcal{N}(0, I)\big)
$$

with \(n_x\) values in an image and \(n_h\) in its latents. Then it stays as it is, and a generative
model learns the latents, divided by their size \(\hat\sigma\) (appendix G), here by flow matching
on straight lines:

$$
L_2 = \mathbb{E}_{h, \epsilon, t}\, \big\| v_\theta(z_t, t) - (\epsilon - h / \hat\sigma) \big\|^2,
\qquad z_t = (1 - t)\, h / \hat\sigma + t\, \epsilon, \qquad t \sim U[0, 1]
$$

Sampling follows the flow from noise to latents and decodes them once.

With `Sampler.guidance` above 1 samples follow their label more closely than the training images did
(Ho and Salimans 2022, [arXiv:2207.12598](https://arxiv.org/abs/2207.12598)).

## Departures from the paper

- Flow matching ([arXiv:2210.02747](https://arxiv.org/abs/2210.02747)) in place of DDPM, with the
  time from the latents at 0 to the noise at 1.
- A small transformer whose tokens are the places of the latents, in place of a U-Net; time and
  label modulate its blocks, where the paper has cross-attention.
- The autoencoder minimises the squared error alone; the paper adds a perceptual loss and a
  discriminator on patches, and its weight of the KL term is smaller still.
- The size of the latents is their root mean square, a parameter that the first phase fits beside
  the autoencoder: by maximum likelihood of draws from the posterior under a normal of mean 0. So it
  is one number however many processes train. The paper takes the standard deviation of the first
  batch of the second phase.
- Both phases are one run with a rate that rises and falls in each.
- Samples come from an exponential moving average of the weights, kept by the loop.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam, Optimizer

from imggen.methods import Batch, Minimize, Panels, Shape, Spec
from imggen.nn.blocks import at_least
from imggen.nn.guidance import drop_labels, guided, labelled
from imggen.nn.schedules import warm_cosine
from imggen.nn.solvers import euler, heun, uniform_times
from imggen.nn.transformer import Transformer
from imggen.nn.unet import norm

FACTOR = 4
"""Pixels to a latent, along each side; half of it is folded into channels before any weight."""


@dataclass(frozen=True)
class Config:
    """Settings for digits on two cores; the paper's are for photos."""

    conditional: bool = True
    """Use labels, where the data have them. Off: neither training nor sampling sees them."""
    first_stage_steps: int = 4_000
    """Steps of the autoencoder; those after it are the flow's (section 3: two phases)."""
    latent_channels: int = 4
    """Channels of the latents (Table 8 compares 3 to 64)."""
    filters: int = 64
    """Channels of the autoencoder's convolutions."""
    kl_weight: float = 1e-3
    """Weight of the KL of a latent, in nats, beside the squared error of a pixel."""
    width: int = 128
    """Channels of the transformer's tokens."""
    depth: int = 3
    """Its blocks."""
    heads: int = 4
    """Heads of its attention."""
    label_dropout: float = 0.1
    """Share of the images whose label is left out (Ho and Salimans 2022: .1 to .2)."""
    lr: float = 1e-3
    """Adam's learning rate after the warm-up, in both phases."""
    scale_lr: float = 1e-2
    """The same for the logarithm of the latents' size, which has a longer way to go."""
    lr_steps: int | None = None
    """Steps of the whole training: the rate of the flow falls to 0. None keeps it."""
    warmup: int = 300
    """Steps over which the rate rises, once in each phase."""

    @classmethod
    def tiny(cls) -> Config:
        """The smallest instance, for tests."""
        small = cls(first_stage_steps=6, filters=8, width=8, depth=1, heads=2, warmup=1)
        return replace(small, lr=2e-2, scale_lr=5e-2)


@dataclass(frozen=True)
class Sampler:
    """How the flow is followed from noise to latents."""

    solver: Literal["euler", "heun"] = "heun"
    """Euler's method asks the network once a step, Heun's twice, but for the last step."""
    steps: int = 10
    """Steps of one size from time 1 to 0."""
    guidance: float = 1.0
    """Scale of classifier-free guidance: 1 is without, 0 ignores the label."""
    precision: Literal["fp32", "bf16"] = "bf16"
    """Arithmetic of the networks. What the flow's is added to is float32 always."""


SOLVERS = {"euler": euler, "heun": heun}


class Autoencoder(nn.Module):
    """Images (N, C, H, W) to means and log-variances of latents (N, k, H/4, W/4), and back."""

    def __init__(self, shape: Shape, filters: int, latent_channels: int) -> None:
        super().__init__()
        channels, height, breadth = shape
        if height % FACTOR or breadth % FACTOR:
            raise ValueError(f"both sides must be multiples of 4, and these are {breadth}x{height}")

        def layer(source: int, target: int, stride: int = 1) -> nn.Sequential:
            convolution = nn.Conv2d(source, target, 3, stride, padding=1)
            return nn.Sequential(convolution, norm(target), nn.SiLU())

        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(2),
            layer(4 * channels, filters // 2),
            layer(filters // 2, filters, stride=2),
            layer(filters, filters),
            nn.Conv2d(filters, 2 * latent_channels, 1),
        )
        self.decoder = nn.Sequential(
            layer(latent_channels, filters),
            layer(filters, filters),
            nn.Conv2d(filters, 2 * filters, 3, padding=1),
            nn.PixelShuffle(2),
            layer(filters // 2, filters // 2),
            nn.Conv2d(filters // 2, 4 * channels, 3, padding=1),
            nn.PixelShuffle(2),
        )

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mu, logvar = self.encoder(x).float().chunk(2, dim=1)
        return mu, logvar.clamp(-20, 10)

    def decode(self, h: Tensor) -> Tensor:
        return self.decoder(h).float()


def draw_from(mu: Tensor, logvar: Tensor) -> Tensor:
    """One draw of the latents from their posterior."""
    return mu + (0.5 * logvar).exp() * torch.randn_like(mu)


def normal_nll(h: Tensor, log_std: Tensor) -> Tensor:
    """-log N(h; 0, exp(log_std)²) of a value, but for a constant; least at the root mean square."""
    return log_std + 0.5 * (h / log_std.exp()).square().mean()


def kl_per_value(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL(N(mu, exp(logvar)) || N(0, 1)), the mean over all values, in nats."""
    return 0.5 * (mu.square() + logvar.exp() - 1 - logvar).mean()


class LatentDiffusion(nn.Module):
    """Autoencoder and flow, their two phases, and samples through both."""

    panels: ClassVar[Panels] = {
        "squared error of a pixel": ("reconstruction",),
        "KL of a latent (nats)": ("kl",),
        "squared error of a scaled latent": ("loss",),
    }

    def __init__(self, config: Config, spec: Spec) -> None:
        super().__init__()
        c = config
        at_least(1, first_stage_steps=c.first_stage_steps, latent_channels=c.latent_channels)
        at_least(1, lr_steps=c.lr_steps, warmup=c.warmup)
        at_least(2, filters=c.filters)
        if c.filters % 2:
            raise ValueError(f"filters is {c.filters}, and must be even")
        if c.lr_steps is not None and c.lr_steps <= c.first_stage_steps:
            raise ValueError(f"lr_steps is {c.lr_steps}, which leaves no step to the flow")
        at_least(0, kl_weight=c.kl_weight)
        if c.conditional and not spec.classes:
            raise ValueError("it needs labels, and these images have none (or conditional off)")
        self.config, self.spec = c, Spec(spec.shape, spec.classes if c.conditional else 0)
        self.autoencoder = Autoencoder(spec.shape, c.filters, c.latent_channels)
        self.latent = (c.latent_channels, spec.shape[1] // FACTOR, spec.shape[2] // FACTOR)
        self.v = Transformer(self.latent, 1, c.width, c.depth, c.heads, classes=self.spec.classes)
        self.log_std = nn.Parameter(torch.zeros(()))
        self.opt_first = Adam(self.autoencoder.parameters(), lr=c.lr, fused=True)
        self.opt_scale = Adam([self.log_std], lr=c.scale_lr)
        self.opt_second = Adam(self.v.parameters(), lr=c.lr, fused=True)
        self.optimizers: dict[str, Optimizer] = {
            "first": self.opt_first,
            "scale": self.opt_scale,
            "second": self.opt_second,
        }

    def training_step(self, batch: Batch, step: int, minimize: Minimize) -> dict[str, Tensor]:
        if step < self.config.first_stage_steps:
            return self.first_stage(batch.x, step, minimize)
        return self.second_stage(batch, step, minimize)

    def first_stage(self, x: Tensor, step: int, minimize: Minimize) -> dict[str, Tensor]:
        """The autoencoder, and the size of its latents."""
        c = self.config
        mu, logvar = self.autoencoder.encode(x)
        h = draw_from(mu, logvar)
        reconstruction = F.mse_loss(self.autoencoder.decode(h), x)
        kl = kl_per_value(mu, logvar)
        minimize(reconstruction + c.kl_weight * kl, self.opt_first, lr=self.first_rate(c.lr, step))
        size = normal_nll(h.detach(), self.log_std)
        minimize(size, self.opt_scale, lr=self.first_rate(c.scale_lr, step))
        return {"reconstruction": reconstruction, "kl": kl}

    def first_rate(self, lr: float, step: int) -> float:
        return warm_cosine(lr, step, self.config.first_stage_steps, self.config.warmup)

    def second_stage(self, batch: Batch, step: int, minimize: Minimize) -> dict[str, Tensor]:
        """Flow matching between scaled latents and noise."""
        c = self.config
        with torch.no_grad():
            h = draw_from(*self.autoencoder.encode(batch.x)) / self.log_std.exp()
        noise, t = torch.randn_like(h), torch.rand(len(h), 1, 1, 1, device=h.device)
        y = drop_labels(batch.y, c.label_dropout, self.spec.classes)
        v = self.v((1 - t) * h + t * noise, t.flatten(1), y)
        loss = (v - (noise - h)).square().mean()
        begin = c.first_stage_steps
        steps = None if c.lr_steps is None else c.lr_steps - begin
        minimize(loss, self.opt_second, lr=warm_cosine(c.lr, step - begin, steps, c.warmup))
        return {"loss": loss}

    def latents(self, n: int, generator: torch.Generator) -> Tensor:
        """Noise in the place of scaled latents, (n, k, H/4, W/4)."""
        return torch.randn(n, *self.latent, generator=generator)

    @torch.no_grad()
    def sample(self, z: Tensor, y: Tensor | None = None, sampler: Sampler | None = None) -> Tensor:
        """Raises: ValueError without labels where they are needed, or below one step."""
        s = sampler or Sampler()
        low = s.precision == "bf16"

        def velocity(z: Tensor, t: float, y: Tensor | None) -> Tensor:
            with torch.autocast(z.device.type, torch.bfloat16, low):
                return self.v(z, z.new_full((len(z), 1), t), y)

        y = labelled(y, self.spec.classes)
        field = guided(velocity, y, self.spec.classes, s.guidance)
        h = self.log_std.exp() * SOLVERS[s.solver](field, z, uniform_times(s.steps))
        with torch.autocast(z.device.type, torch.bfloat16, low):
            return self.autoencoder.decode(h).clamp(-1, 1)

    def encode(self, x: Tensor) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] -> mean latents, scaled, as vectors (N, d)."""
        return (self.autoencoder.encode(x)[0] / self.log_std.exp()).flatten(1)

    def reconstruct(self, x: Tensor) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] -> decoded mean latents, same shape and range."""
        return self.autoencoder.decode(self.autoencoder.encode(x)[0]).clamp(-1, 1)

    def published_state(self) -> dict[str, Tensor]:
        return dict(self.state_dict())
