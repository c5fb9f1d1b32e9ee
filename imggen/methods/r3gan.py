r"""R3GAN: a GAN without tricks.

Yiwen Huang, Aaron Gokaslan, Volodymyr Kuleshov, James Tompkin: *The GAN is dead; long live the GAN!
A Modern Baseline GAN*, NeurIPS 2024, [arXiv:2501.05441](https://arxiv.org/abs/2501.05441).

Which loss makes ten years of tricks unnecessary? A *relativistic pairing* loss (Jolicoeur-Martineau
2019, [arXiv:1807.00734](https://arxiv.org/abs/1807.00734)) compares a generated with a real image:

$$
\max_\psi\, \mathbb{E}_{x,\, z} \big[f\big(D_\psi(x) - D_\psi(G_\theta(z))\big)\big], \qquad
\max_\theta\, \mathbb{E}_{x,\, z} \big[f\big(D_\psi(G_\theta(z)) - D_\psi(x)\big)\big], \qquad
f(t) = -\log(1 + e^{-t})
$$

Only the difference counts (the paper gives \(D\) the opposite sign): a generator that has given up
half of the data is punished there. Alone it does not converge; with the squared slopes at real
images (\(R_1\), see [R1](r1.md)) and at generated ones (\(R_2\)) it does:

$$
\frac{\gamma}{2}\, \mathbb{E}_{x} \big[\|\nabla_x D_\psi(x)\|^2\big] +
\frac{\gamma}{2}\, \mathbb{E}_{z} \big[\|\nabla_x D_\psi(G_\theta(z))\|^2\big]
$$

With that, networks may be plain (section 3): residual blocks of 1x1, grouped 3x3 and 1x1
convolutions, the last of which starts at 0; no normalisation; smooth resampling; no tanh.

## Departures from the paper

- The networks see 2x2 pixels as one position, and have one block at each of two resolutions (7 and
  14 for images of 28); the paper's have two at each of four or more, and widths near 768.
- The penalties are taken at every `every`-th step, that many times as heavy; the paper: at each.
- Adam's second momentum and the half-life of the average are constant. No augmentation. Both
  players' steps see the same real images; in the released code they see others. The rates and the
  weight of record are other ones than the released code's for CIFAR-10.
- `networks` may be DCGAN's pyramids of strided convolutions, which have nothing of section 3.
- Penalties are computed in float32 whatever the precision. Samples are clipped to [-1, 1].
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam, Optimizer

from imggen.methods import Batch, Minimize, Panels, Shape, Spec, sngan
from imggen.nn.blocks import at_least
from imggen.nn.convolutions import Critic
from imggen.nn.penalties import squared_slopes
from imggen.nn.resampling import Down, Up
from imggen.nn.schedules import cosine

PATCH = 2
"""Pixels of height and width that become one position."""
LEAK = 0.2
"""Negative slope of every LeakyReLU (released code)."""


@dataclass(frozen=True)
class Config:
    """Settings of the released code, those for CIFAR-10 where they do not depend on the size."""

    labels: bool = False
    """Tell both players the label, where the data have one (on for CIFAR-10)."""
    gamma: float = 1.0
    """Weight of both penalties at first (released code: 1 for ImageNet-64, 0.05 for CIFAR-10)."""
    gamma_end: float = 0.1
    """The same at the end of `schedule_steps` (released code: a tenth of the first)."""
    every: int = 4
    """Steps between two penalties, each this many times as heavy (1 in the paper)."""
    lr: float = 2e-4
    """Adam's learning rate for both players at first."""
    lr_end: float = 5e-5
    """The same at the end of `schedule_steps`."""
    schedule_steps: int | None = None
    """Steps of the half cosine from the first rate and weight to the last. None keeps the first."""
    beta2: float = 0.99
    """Adam's second momentum (the last value of the paper's schedule); the first is 0."""
    z_dim: int = 64
    """Dimension of the latent z, standard normal."""
    widths: tuple[int, ...] = (128, 64)
    """Channels at each resolution, the lowest first."""
    blocks: int = 1
    """Residual blocks at each resolution (2 in the paper)."""
    group: int = 16
    """Channels that share a grouped convolution (released code: 16 for CIFAR-10)."""
    expansion: int = 2
    """How many times wider a block is inside."""
    networks: Literal["residual", "strided"] = "residual"
    """The paper's, or DCGAN's pyramids (no normalisation in D), which part loss from networks."""
    width: int = 64
    """Channels next to the image, of strided networks."""

    @classmethod
    def tiny(cls) -> Config:
        """The smallest instance, for tests."""
        return cls(gamma=0.1, every=2, lr=4e-3, z_dim=4, widths=(8, 8), group=4)


def convolution(inputs: int, outputs: int, kernel: int, groups: int, gain: float) -> nn.Conv2d:
    """Without bias, weights N(0, gain² / fan in)."""
    conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, groups=groups, bias=False)
    nn.init.normal_(conv.weight, std=gain / math.sqrt(conv.weight[0].numel()))
    return conv


class BiasedLeakyReLU(nn.Module):
    """A bias for each channel, then LeakyReLU."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(x + self.bias, LEAK)


class Block(nn.Module):
    """x + f(x), f being 1x1, grouped 3x3 and 1x1 convolutions; at first f = 0."""

    def __init__(self, channels: int, c: Config) -> None:
        super().__init__()
        wide = channels * c.expansion
        # He's gain, and Fix-up's factor L^(-1/(2m-2)) for m = 3 layers in each of L blocks.
        gain = math.sqrt(2 / (1 + LEAK**2)) * (c.blocks * len(c.widths)) ** -0.25
        self.layers = nn.Sequential(
            convolution(channels, wide, 1, 1, gain),
            BiasedLeakyReLU(wide),
            convolution(wide, wide, 3, max(1, wide // c.group), gain),
            BiasedLeakyReLU(wide),
            convolution(wide, channels, 1, 1, 0.0),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


def stages(widths: tuple[int, ...], c: Config, between: type[nn.Module]) -> nn.Sequential:
    """Blocks at each width, and from one to the next a 1x1 convolution and a change of size."""
    layers: list[nn.Module] = [Block(widths[0], c) for _ in range(c.blocks)]
    for before, width in pairwise(widths):
        layers += [between(), convolution(before, width, 1, 1, 1.0)]
        layers += [Block(width, c) for _ in range(c.blocks)]
    return nn.Sequential(*layers)


class Generator(nn.Module):
    """z (N, z_dim) and labels (N,) or None -> images (N, C, H, W), not bounded."""

    def __init__(self, c: Config, shape: Shape, classes: int) -> None:
        super().__init__()
        height, width = lowest(shape, c)
        self.embedding = nn.Embedding(classes, c.z_dim) if classes else None
        self.basis = nn.Parameter(torch.randn(c.widths[0], height, width))
        self.scale = nn.Linear(c.z_dim * (2 if classes else 1), c.widths[0], bias=False)
        nn.init.normal_(self.scale.weight, std=self.scale.in_features**-0.5)
        self.body = stages(c.widths, c, Up)
        self.pixels = convolution(c.widths[-1], shape[0] * PATCH**2, 1, 1, 1.0)

    def forward(self, z: Tensor, y: Tensor | None) -> Tensor:
        if self.embedding is not None:
            z = torch.cat([z, self.embedding(y)], dim=1)
        x = self.basis * self.scale(z)[:, :, None, None]
        return F.pixel_shuffle(self.pixels(self.body(x)), PATCH)


class Discriminator(nn.Module):
    """Images (N, C, H, W) and labels (N,) or None -> float32 values (N,); differences count."""

    def __init__(self, c: Config, shape: Shape, classes: int) -> None:
        super().__init__()
        last, kernel = c.widths[0], lowest(shape, c)
        self.pixels = convolution(shape[0] * PATCH**2, c.widths[-1], 1, 1, 1.0)
        self.body = stages(c.widths[::-1], c, Down)
        self.gather = nn.Conv2d(last, last, kernel, groups=last, bias=False)
        nn.init.normal_(self.gather.weight, std=(kernel[0] * kernel[1]) ** -0.5)
        self.embedding = nn.Embedding(classes, c.z_dim) if classes else None
        self.value = nn.Linear(last, c.z_dim if classes else 1, bias=False)
        nn.init.normal_(self.value.weight, std=last**-0.5)

    def forward(self, x: Tensor, y: Tensor | None) -> Tensor:
        x = self.body(self.pixels(F.pixel_unshuffle(x, PATCH)))
        value = self.value(self.gather(x).flatten(1)).float()
        if self.embedding is None:
            return value.squeeze(1)
        return (value * self.embedding(y)).sum(dim=1) / math.sqrt(value.shape[1])


def lowest(shape: Shape, c: Config) -> tuple[int, int]:
    """Height and width of the smallest maps. Raises: ValueError where sides can't be halved."""
    factor = PATCH * 2 ** (len(c.widths) - 1)
    _, height, width = shape
    if height % factor or width % factor:
        raise ValueError(f"the sides of its images are multiples of {factor} pixels")
    return height // factor, width // factor


class Strided(Critic):
    """A pyramid of strided convolutions: images (N, C, H, W) -> float32 values (N,)."""

    def forward(self, x: Tensor, y: None = None) -> Tensor:
        return super().forward(x)


def networks(c: Config, shape: Shape, classes: int) -> tuple[nn.Module, nn.Module]:
    """G and D. Raises: ValueError for images that they can't take."""
    if c.networks == "residual":
        return Generator(c, shape, classes), Discriminator(c, shape, classes)
    if classes:
        raise ValueError("strided networks take no labels: turn `labels` off")
    return sngan.Generator(c.z_dim, c.width, shape, 0), Strided(c.width, LEAK, shape, bias=False)


class R3GAN(nn.Module):
    """Generator, discriminator, the paired losses and their two penalties."""

    panels: ClassVar[Panels] = {
        "loss (nats)": ("loss_D", "loss_G"),
        "D's value, real minus generated": ("margin",),
        "squared slopes": ("slope_real", "slope_fake"),
    }

    def __init__(self, config: Config, spec: Spec) -> None:
        """Raises: ValueError for sides that can't be halved often enough, or senseless settings."""
        super().__init__()
        c = config
        at_least(1, every=c.every, schedule_steps=c.schedule_steps, z_dim=c.z_dim)
        at_least(1, blocks=c.blocks, group=c.group, expansion=c.expansion, width=c.width)
        at_least(0, gamma=c.gamma, gamma_end=c.gamma_end)
        at_least(1, widths=min(c.widths, default=0))
        for width in c.widths:
            if width * c.expansion > c.group and width * c.expansion % c.group:
                raise ValueError(f"{width * c.expansion} channels do not split in {c.group}s")
        self.config = c
        self.spec = Spec(spec.shape, spec.classes if c.labels else 0)
        self.G, self.D = networks(c, spec.shape, self.spec.classes)
        betas = (0.0, c.beta2)
        self.opt_G = Adam(self.G.parameters(), lr=c.lr, betas=betas, fused=True)
        self.opt_D = Adam(self.D.parameters(), lr=c.lr, betas=betas, fused=True)
        self.optimizers: dict[str, Optimizer] = {"G": self.opt_G, "D": self.opt_D}

    def training_step(self, batch: Batch, step: int, minimize: Minimize) -> dict[str, Tensor]:
        c, x, y = self.config, batch.x, batch.y
        lr = cosine(c.lr, c.lr_end, step, c.schedule_steps)
        x_fake = self.G(self.noise(x), y)
        loss_D, margin = self.loss_of_D(x, x_fake.detach(), y)
        stats = {"loss_D": loss_D, "margin": margin}
        penalty = torch.zeros_like(loss_D)
        if step % c.every == 0:
            gamma = c.every * cosine(c.gamma, c.gamma_end, step, c.schedule_steps)
            slopes = [self.slope(images, y) for images in (x, x_fake)]
            penalty = gamma / 2 * (slopes[0] + slopes[1])  # R1 and R2
            stats |= {"slope_real": slopes[0], "slope_fake": slopes[1]}
        minimize(loss_D + penalty, self.opt_D, lr=lr)

        x_fake = self.G(self.noise(x), y)
        stats["loss_G"] = loss_G = self.loss_of_G(x, x_fake, y)
        minimize(loss_G, self.opt_G, lr=lr)
        return stats

    def loss_of_D(self, x: Tensor, x_fake: Tensor, y: Tensor | None) -> tuple[Tensor, Tensor]:
        """-f(D(x) - D(x_fake)) as a mean over pairs, and the mean difference."""
        both = None if y is None else torch.cat([y, y])
        real, fake = self.D(torch.cat([x, x_fake]), both).chunk(2)
        return F.softplus(fake - real).mean(), (real - fake).mean()

    def loss_of_G(self, x: Tensor, x_fake: Tensor, y: Tensor | None) -> Tensor:
        """-f(D(x_fake) - D(x)) as a mean over pairs."""
        with torch.no_grad():
            real = self.D(x, y)
        return F.softplus(real - self.D(x_fake, y)).mean()

    def slope(self, x: Tensor, y: Tensor | None) -> Tensor:
        """Mean squared norm of D's gradient at images (N, C, H, W)."""
        return squared_slopes(lambda images: self.D(images, y), x).mean()

    def noise(self, x: Tensor) -> Tensor:
        """z for as many images as there are in x."""
        return torch.randn(len(x), self.config.z_dim, device=x.device)

    def latents(self, n: int, generator: torch.Generator) -> Tensor:
        return torch.randn(n, self.config.z_dim, generator=generator)

    def sample(self, z: Tensor, y: Tensor | None = None, sampler: None = None) -> Tensor:
        """Raises: ValueError without labels where it was trained with them."""
        if y is None and self.spec.classes:
            raise ValueError("this GAN was trained with labels and samples only with them")
        return self.G(z, y).clamp(-1, 1)

    def published_state(self) -> dict[str, Tensor]:
        return {f"G.{name}": value for name, value in self.G.state_dict().items()}
