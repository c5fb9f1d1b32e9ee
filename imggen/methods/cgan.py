r"""Conditional generative adversarial networks.

Mehdi Mirza, Simon Osindero: *Conditional Generative Adversarial Nets*, 2014,
[arXiv:1411.1784](https://arxiv.org/abs/1411.1784).

Both players are told what the image should show. The generator turns noise \(z\) and a label
\(y\) into an image, the discriminator judges an image together with its label (Eq. 2):

$$
\min_G \max_D \;
\mathbb{E}_{x, y \sim p_\text{data}} \big[\log D(x \mid y)\big] +
\mathbb{E}_{z \sim p_z,\, y \sim p_\text{data}} \big[\log (1 - D(G(z \mid y) \mid y))\big]
$$

A sharp digit under the wrong label is as easy to reject as a blurred one, so the generator has to
do what it was asked. The condition is nothing but one more input (section 3.2): here a one-hot
vector, joined to \(z\) in the generator, and to the image's channels in the discriminator, where
each of its components fills a whole map.

## Departures from the paper

- The networks are those of DCGAN ([arXiv:1511.06434](https://arxiv.org/abs/1511.06434)), which
  came a year later; the paper has two fully connected layers in the generator and maxout layers in
  the discriminator, and maps \(z\) and \(y\) to hidden layers of their own before it joins
  them. The authors of DCGAN join the label to every layer in their code for MNIST, we to the first.
- The generator's loss is the non-saturating one, \(-\log D(G(z \mid y) \mid y)\), and the labels
  that it is asked for are those of the real images of the same step.
- Adam with a smaller first momentum, as in DCGAN, instead of gradient descent whose momentum grows
  (section 4.1), one rate for each network; no dropout; batch normalisation. `lr_steps` lets the
  rates fall.
- Samples come from an exponential moving average of the generator's weights, kept by the loop.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam, Optimizer

from imggen.methods import Batch, Minimize, Panels, Spec
from imggen.methods.dcgan import Discriminator, Generator, initialise
from imggen.nn.blocks import at_least
from imggen.nn.schedules import learning_rate


@dataclass(frozen=True)
class Config:
    """Settings of section 4.1 for the noise, and DCGAN's for the networks."""

    z_dim: int = 100
    """Dimension of the noise z, uniform on the unit hypercube, here [-1, 1] (section 4.1)."""
    width: int = 64
    """Channels of the feature map next to the image (DCGAN, Figure 1, has 128)."""
    lr_D: float = 2e-4
    """Adam's learning rate for the discriminator (DCGAN, section 4)."""
    lr_G: float = 2e-4
    """Adam's learning rate for the generator (DCGAN, section 4)."""
    lr_steps: int | None = None
    """Steps of the whole training: both rates fall to 0 over its second half. None keeps them."""
    beta1: float = 0.5
    """Adam's first momentum (DCGAN, section 4)."""
    leak: float = 0.2
    """Negative slope of the discriminator's LeakyReLU (DCGAN, section 4)."""
    init_std: float = 0.02
    """Standard deviation of the initial weights (DCGAN, section 4)."""

    @classmethod
    def tiny(cls) -> Config:
        """The smallest instance, for tests."""
        return cls(z_dim=4, width=4, lr_D=2e-3, lr_G=2e-3)


class CGAN(nn.Module):
    """Generator and discriminator, both told the label."""

    panels: ClassVar[Panels] = {
        "loss (nats)": ("loss_D", "loss_G"),
        "D's belief": ("D_real", "D_fake"),
    }

    def __init__(self, config: Config, spec: Spec) -> None:
        """Raises: ValueError for images without labels, not square or below 8 pixels."""
        super().__init__()
        at_least(1, z_dim=config.z_dim, width=config.width, lr_steps=config.lr_steps)
        at_least(0, init_std=config.init_std)
        if spec.classes < 1:
            raise ValueError("a conditional GAN needs images with labels")
        self.config, self.spec = config, Spec(spec.shape, spec.classes)
        channels, height, width = spec.shape
        self.G = Generator(config.z_dim + spec.classes, config.width, spec.shape)
        joined = (channels + spec.classes, height, width)
        self.D = Discriminator(config.width, config.leak, joined)
        initialise(self, config.init_std)
        betas = (config.beta1, 0.999)
        self.opt_G = Adam(self.G.parameters(), lr=config.lr_G, betas=betas, fused=True)
        self.opt_D = Adam(self.D.parameters(), lr=config.lr_D, betas=betas, fused=True)
        self.optimizers: dict[str, Optimizer] = {"G": self.opt_G, "D": self.opt_D}

    def generate(self, z: Tensor, y: Tensor) -> Tensor:
        """G(z | y): noise (N, z_dim) and labels (N,) -> images (N, C, H, W) in [-1, 1]."""
        return self.G(torch.cat([z, F.one_hot(y, self.spec.classes).to(z.dtype)], dim=1))

    def judge(self, x: Tensor, y: Tensor) -> Tensor:
        """The logit (N,) of D(x | y): is this image (N, C, H, W) real, given its label (N,)?"""
        maps = F.one_hot(y, self.spec.classes).to(x.dtype)[:, :, None, None]
        return self.D(torch.cat([x, maps.expand(-1, -1, *x.shape[2:])], dim=1))

    def training_step(self, batch: Batch, step: int, minimize: Minimize) -> dict[str, Tensor]:
        c, x, y = self.config, batch.x, batch.y
        assert y is not None
        z = torch.rand(len(x), c.z_dim, device=x.device) * 2 - 1
        x_fake = self.generate(z, y)

        logit_real, logit_fake = self.judge(x, y), self.judge(x_fake.detach(), y)
        loss_D = F.softplus(-logit_real).mean() + F.softplus(logit_fake).mean()  # Eq. 2
        minimize(loss_D, self.opt_D, lr=learning_rate(c.lr_D, step, c.lr_steps))

        loss_G = F.softplus(-self.judge(x_fake, y)).mean()
        minimize(loss_G, self.opt_G, lr=learning_rate(c.lr_G, step, c.lr_steps))
        return {
            "loss_D": loss_D,
            "loss_G": loss_G,
            "D_real": logit_real.sigmoid().mean(),
            "D_fake": logit_fake.sigmoid().mean(),
        }

    def latents(self, n: int, generator: torch.Generator) -> Tensor:
        return torch.rand(n, self.config.z_dim, generator=generator) * 2 - 1

    def sample(self, z: Tensor, y: Tensor | None = None, sampler: None = None) -> Tensor:
        """Raises: ValueError without labels."""
        if y is None:
            raise ValueError("a conditional GAN samples only with labels")
        return self.generate(z, y)

    def published_state(self) -> dict[str, Tensor]:
        return {f"G.{name}": value for name, value in self.G.state_dict().items()}
