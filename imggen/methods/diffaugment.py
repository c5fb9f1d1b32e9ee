r"""DiffAugment: a GAN from few images.

Shengyu Zhao, Zhijian Liu, Ji Lin, Jun-Yan Zhu, Song Han: *Differentiable Augmentation for
Data-Efficient GAN Training*, NeurIPS 2020, [arXiv:2006.10738](https://arxiv.org/abs/2006.10738).

With a hundred images a discriminator learns them by heart: it is sure of those, calls everything
else generated, and has nothing left to teach. Augmenting the real images alone makes the generator
draw augmented ones. So the *same kind* of random change \(T\) is made to whatever \(D\) sees, real
or generated, in both players' steps (Eq. 4 and 5):

$$
L_D = \mathbb{E}_{x} \big[f_D(-D(T(x)))\big] + \mathbb{E}_{z} \big[f_D(D(T(G(z))))\big], \qquad
L_G = \mathbb{E}_{z} \big[f_G(-D(T(G(z))))\big]
$$

with \(f_D(t) = f_G(t) = \log(1 + e^t)\) here, as where the paper takes StyleGAN2.

\(T\) is differentiable, so \(G\) learns through it, and it draws new numbers for each image each
time. \(D\) seldom sees an image twice in the same form, or unchanged.

## Departures from the paper

- The base is a small GAN with the non-saturating loss and a penalty on slopes at real images (R1,
  [arXiv:1801.04406](https://arxiv.org/abs/1801.04406)), StyleGAN2's losses, which the paper's 100
  images were trained with. Its networks are DCGAN's, without batch normalisation in \(D\). The
  weight of the penalty is 1 (released code: 10), at every `every`-th step that many times as heavy,
  in float32, without StyleGAN2's correction of Adam; both rates fall to 0 over the second half.
- What a shift leaves open and a square cut out is filled with -1, the paper of a digit; the paper
  fills with 0, the middle grey of images in [-1, 1]. Shifts are whole pixels, as there.
- Of the released policy for 100 images, colour, translation, cutout and mirroring, ours of record
  has translation and cutout: ink is white, and a mirrored digit is none. Colour here is brightness
  and contrast; saturation does nothing to grey images.
- Samples come from an exponential moving average of the generator's weights, kept by the loop.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam, Optimizer

from imggen.methods import Batch, Minimize, Panels, Spec
from imggen.methods.dcgan import Generator, initialise
from imggen.nn.blocks import at_least
from imggen.nn.convolutions import Critic
from imggen.nn.penalties import squared_slopes
from imggen.nn.schedules import learning_rate

Change = Literal["brightness", "contrast", "translation", "cutout"]

SHIFT, CUT, EMPTY = 1 / 8, 1 / 2, -1.0
"""Largest shift and side of the square cut out, as shares of the image; what fills them."""


@dataclass(frozen=True)
class Config:
    """Settings of the base GAN, and the policy of section 4."""

    policy: tuple[Change, ...] = ("translation", "cutout")
    """Changes made to every image that D sees, in this order; none for the base GAN alone."""
    gamma: float = 1.0
    """Weight of the penalty on squared slopes at real images; 0 turns it off."""
    every: int = 16
    """Steps between two penalties, each this many times as heavy."""
    z_dim: int = 128
    """Dimension of the latent z, standard normal."""
    width: int = 64
    """Channels of the feature map next to the image."""
    lr_D: float = 2e-4
    """Adam's learning rate for D."""
    lr_G: float = 2e-4
    """Adam's learning rate for G."""
    lr_steps: int | None = None
    """Steps of the whole training: both rates fall to 0 over its second half. None keeps them."""
    beta1: float = 0.0
    """Adam's first momentum."""
    beta2: float = 0.99
    """Adam's second momentum."""
    leak: float = 0.2
    """Negative slope of D's LeakyReLU."""
    init_std: float = 0.02
    """Standard deviation of the generator's initial weights (DCGAN)."""

    @classmethod
    def tiny(cls) -> Config:
        """The smallest instance, for tests."""
        return cls(gamma=0.1, every=2, z_dim=4, width=4, lr_D=2e-3, lr_G=2e-3)


def uniform(x: Tensor, low: float, high: float) -> Tensor:
    """A number (N, 1, 1, 1) for each image."""
    return torch.rand(len(x), 1, 1, 1, device=x.device, dtype=x.dtype) * (high - low) + low


def brightness(x: Tensor) -> Tensor:
    """Adds a number in [-1/2, 1/2] to all pixels."""
    return x + uniform(x, -0.5, 0.5)


def contrast(x: Tensor) -> Tensor:
    """Stretches pixels about their mean by a factor in [1/2, 3/2]."""
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    return (x - mean) * uniform(x, 0.5, 1.5) + mean


def inside(x: Tensor, top: Tensor, left: Tensor, height: int, width: int) -> Tensor:
    """Which pixels (N, 1, H, W) lie in each image's own window, whose corners are (N, 1, 1, 1)."""
    rows = torch.arange(x.shape[2], device=x.device)[:, None]
    columns = torch.arange(x.shape[3], device=x.device)
    return (rows >= top) & (rows < top + height) & (columns >= left) & (columns < left + width)


def whole(x: Tensor, low: int, high: int) -> Tensor:
    """A whole number from `low` to `high` (N, 1, 1, 1) for each image, both ends included."""
    return torch.randint(low, high + 1, (len(x), 1, 1, 1), device=x.device)


def translation(x: Tensor) -> Tensor:
    """Shifts by up to an eighth of the image in each direction."""
    n, _, height, width = x.shape
    down = whole(x, -round(SHIFT * height), round(SHIFT * height))
    right = whole(x, -round(SHIFT * width), round(SHIFT * width))
    rows = torch.arange(height, device=x.device)[:, None] - down
    columns = torch.arange(width, device=x.device) - right
    there = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    index = rows.clamp(0, height - 1) * width + columns.clamp(0, width - 1)
    moved = x.flatten(2).gather(2, index.view(n, 1, -1).expand(-1, x.shape[1], -1)).view(x.shape)
    return torch.where(there, moved, EMPTY)


def cutout(x: Tensor) -> Tensor:
    """Empties a square of half the side, whose middle lies anywhere in the image."""
    _, _, height, width = x.shape
    tall, wide = round(CUT * height), round(CUT * width)
    top = whole(x, 0, height - 1) - tall // 2
    left = whole(x, 0, width - 1) - wide // 2
    return torch.where(inside(x, top, left, tall, wide), EMPTY, x)


CHANGES: dict[Change, Callable[[Tensor], Tensor]] = {
    "brightness": brightness,
    "contrast": contrast,
    "translation": translation,
    "cutout": cutout,
}


class DiffAugment(nn.Module):
    """The base GAN, whose discriminator sees changed images only."""

    panels: ClassVar[Panels] = {
        "loss (nats)": ("loss_D", "loss_G"),
        "D's belief": ("D_real", "D_fake"),
    }

    def __init__(self, config: Config, spec: Spec) -> None:
        """Raises: ValueError for images that are not square or below 8 pixels."""
        super().__init__()
        c = config
        at_least(1, every=c.every, z_dim=c.z_dim, width=c.width, lr_steps=c.lr_steps)
        at_least(0, gamma=c.gamma, init_std=c.init_std)
        unknown = [name for name in c.policy if name not in CHANGES]
        if unknown:
            raise ValueError(f"policy knows no {unknown[0]}, only {', '.join(CHANGES)}")
        self.config, self.spec = c, Spec(spec.shape)
        self.G = Generator(c.z_dim, c.width, spec.shape)
        initialise(self.G, c.init_std)
        self.D = Critic(c.width, c.leak, spec.shape)
        betas = (c.beta1, c.beta2)
        self.opt_G = Adam(self.G.parameters(), lr=c.lr_G, betas=betas, fused=True)
        self.opt_D = Adam(self.D.parameters(), lr=c.lr_D, betas=betas, fused=True)
        self.optimizers: dict[str, Optimizer] = {"G": self.opt_G, "D": self.opt_D}

    def changed(self, x: Tensor) -> Tensor:
        """T(x): each image (N, C, H, W) changed by each part of the policy, at random."""
        for name in self.config.policy:
            x = CHANGES[name](x)
        return x

    def training_step(self, batch: Batch, step: int, minimize: Minimize) -> dict[str, Tensor]:
        c, x = self.config, batch.x
        x_fake = self.G(torch.randn(len(x), c.z_dim, device=x.device))

        real, fake = self.D(self.changed(torch.cat([x, x_fake.detach()]))).chunk(2)
        loss_D = F.softplus(-real).mean() + F.softplus(fake).mean()
        penalty = torch.zeros_like(loss_D)
        if step % c.every == 0:
            slope = squared_slopes(lambda images: self.D(self.changed(images)), x).mean()
            penalty = c.every * c.gamma / 2 * slope
        minimize(loss_D + penalty, self.opt_D, lr=learning_rate(c.lr_D, step, c.lr_steps))

        loss_G = F.softplus(-self.D(self.changed(x_fake))).mean()
        minimize(loss_G, self.opt_G, lr=learning_rate(c.lr_G, step, c.lr_steps))
        stats = {"loss_D": loss_D, "loss_G": loss_G}
        return {**stats, "D_real": real.sigmoid().mean(), "D_fake": fake.sigmoid().mean()}

    def latents(self, n: int, generator: torch.Generator) -> Tensor:
        return torch.randn(n, self.config.z_dim, generator=generator)

    def sample(self, z: Tensor, y: Tensor | None = None, sampler: None = None) -> Tensor:
        return self.G(z)

    def published_state(self) -> dict[str, Tensor]:
        return {f"G.{name}": value for name, value in self.G.state_dict().items()}
