r"""InfoGAN: codes that mean something, without labels.

Xi Chen, Yan Duan, Rein Houthooft, John Schulman, Ilya Sutskever, Pieter Abbeel: *InfoGAN:
Interpretable Representation Learning by Information Maximizing Generative Adversarial Nets*,
NeurIPS 2016, [arXiv:1606.03657](https://arxiv.org/abs/1606.03657).

In a GAN nothing asks single components of \(z\) to mean something. InfoGAN splits off a code
\(c\) and asks that it can be read in the image: the mutual information \(I(c; G(z, c))\) is to be
high. It can't be computed, but any guess \(Q(c \mid x)\) at the code bounds it from below (Eq. 5):

$$
L_I(G, Q) = \mathbb{E}_{c \sim P(c),\, x \sim G(z, c)} \big[\log Q(c \mid x)\big] + H(c)
\le I(c; G(z, c)), \qquad
\min_{G, Q} \max_D \; V(D, G) - \lambda L_I(G, Q)
$$

(Eq. 6). \(Q\) shares all convolutions with \(D\) and adds one small head: the bound costs next to
nothing (section 6). On MNIST the code has one categorical part of ten values, which turns out to
choose the digit, and two uniform parts, which turn out to tilt and widen it (section 7.2).

The entropies \(H(c)\) are constants: \(\ln 10\) nats for the category, \(\ln 2\) for each number on
[-1, 1]. \(Q\)'s Gaussian for those has a fixed standard deviation of 1, as in the released code, so
their part of \(L_I\) stays below zero and is not a bound that one would quote.

## Departures from the paper

- The networks are those of DCGAN (arXiv:1511.06434): 3 levels instead of 2, no fully connected
  layer of 1,024 units. \(Q\)'s head is the paper's: 128 hidden units.
- \(L_I\)'s gradient moves \(G\), \(Q\)'s head, and the convolutions that \(D\) and \(Q\) share, as
  in the released code, which adds it to both players' losses.
- `lr_steps` lets the rates fall to 0.
- Samples come from an exponential moving average of the generator's weights, kept by the loop.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam, Optimizer

from imggen.methods import Batch, Minimize, Panels, Shape, Spec
from imggen.methods.dcgan import Discriminator, Generator, initialise
from imggen.nn.blocks import at_least
from imggen.nn.schedules import learning_rate


@dataclass(frozen=True)
class Config:
    """Settings of section 7.2 and of appendix C.1 for MNIST."""

    noise_dim: int = 62
    """Dimension of the noise that is not to mean anything, uniform on [-1, 1] (appendix C.1)."""
    categories: int = 10
    """Values of the categorical code, all equally likely (section 7.2)."""
    continuous: int = 2
    """Codes that are uniform on [-1, 1] (section 7.2)."""
    information: float = 1.0
    """The weight lambda of L_I for the category (section 6)."""
    information_continuous: float = 1.0
    """The weight of L_I for the continuous codes (1 in the released code; section 6: smaller)."""
    head: int = 128
    """Hidden units of Q's own head (appendix C.1)."""
    width: int = 64
    """Channels of the feature map next to the image (appendix C.1)."""
    lr_D: float = 2e-4
    """Adam's learning rate for D and Q (appendix C)."""
    lr_G: float = 1e-3
    """Adam's learning rate for G (appendix C)."""
    lr_steps: int | None = None
    """Steps of the whole training: both rates fall to 0 over its second half. None keeps them."""
    beta1: float = 0.5
    """Adam's first momentum (DCGAN, section 4)."""
    leak: float = 0.1
    """Negative slope of LeakyReLU (appendix C)."""
    init_std: float = 0.02
    """Standard deviation of the initial weights (DCGAN, section 4)."""

    @classmethod
    def tiny(cls) -> Config:
        """The smallest instance, for tests."""
        return cls(noise_dim=2, categories=3, continuous=1, head=4, width=4, lr_D=2e-3, lr_G=2e-3)


class Recogniser(nn.Module):
    """D and Q: image (N, C, H, W) -> logit (N,) of being real, and the guessed code (N, k).

    The first `categories` of the k numbers are logits, the others the means of Gaussians.
    """

    def __init__(self, config: Config, shape: Shape) -> None:
        super().__init__()
        *trunk, logit, _ = Discriminator(config.width, config.leak, shape).layers
        assert isinstance(logit, nn.Conv2d)
        self.trunk, self.logit = nn.Sequential(*trunk), logit
        self.Q = nn.Sequential(
            nn.Conv2d(logit.in_channels, config.head, logit.kernel_size[0], bias=False),
            nn.BatchNorm2d(config.head),
            nn.LeakyReLU(config.leak),
            nn.Conv2d(config.head, config.categories + config.continuous, kernel_size=1),
            nn.Flatten(),
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.trunk(x)
        return self.logit(features).flatten().float(), self.Q(features).float()


class InfoGAN(nn.Module):
    """Generator, discriminator and the guess at the code."""

    panels: ClassVar[Panels] = {
        "loss (nats)": ("loss_D", "loss_G"),
        "D's belief": ("D_real", "D_fake"),
        "information on the category (nats)": ("information",),
        "squared error of the codes": ("error",),
    }

    def __init__(self, config: Config, spec: Spec) -> None:
        """Raises: ValueError for images that are not square or below 8 pixels."""
        super().__init__()
        c = config
        at_least(1, noise_dim=c.noise_dim, head=c.head, width=c.width, lr_steps=c.lr_steps)
        at_least(2, categories=c.categories)
        at_least(1, continuous=c.continuous)
        at_least(0, init_std=c.init_std)
        self.config, self.spec = c, Spec(spec.shape)
        self.G = Generator(c.noise_dim + c.categories + c.continuous, c.width, spec.shape)
        self.D = Recogniser(c, spec.shape)
        initialise(self, c.init_std)
        self.opt_G = Adam(self.G.parameters(), lr=c.lr_G, betas=(c.beta1, 0.999), fused=True)
        self.opt_D = Adam(self.D.parameters(), lr=c.lr_D, betas=(c.beta1, 0.999), fused=True)
        self.optimizers: dict[str, Optimizer] = {"G": self.opt_G, "D": self.opt_D}

    def training_step(self, batch: Batch, step: int, minimize: Minimize) -> dict[str, Tensor]:
        c, x = self.config, batch.x
        z = self.latents(len(x)).to(x.device)
        x_fake = self.G(z)

        logit_real, _ = self.D(x)
        logit_fake, guess = self.D(x_fake.detach())
        loss_D = F.softplus(-logit_real).mean() + F.softplus(logit_fake).mean()
        unread, _ = self.missing(z, guess)
        minimize(loss_D + unread, self.opt_D, lr=learning_rate(c.lr_D, step, c.lr_steps))

        logit, guess = self.D(x_fake)
        loss_G = F.softplus(-logit).mean()
        unread, stats = self.missing(z, guess)
        minimize(loss_G + unread, self.opt_G, lr=learning_rate(c.lr_G, step, c.lr_steps))
        return {
            "loss_D": loss_D,
            "loss_G": loss_G,
            "D_real": logit_real.sigmoid().mean(),
            "D_fake": logit_fake.sigmoid().mean(),
            **stats,
        }

    def missing(self, z: Tensor, guess: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """-lambda L_I up to constants, from latents (N, ...) and guesses (N, k); and what it says.

        `information` is L_I of the category, H(c) included: at most ln 10 nats for ten.
        """
        c = self.config
        _, category, codes = self.parts(z)
        surprise = F.cross_entropy(guess[:, : c.categories], category.argmax(dim=1))
        error = (guess[:, c.categories :] - codes).square().sum(dim=1).mean()
        # -log N(c; mean, 1) = error / 2 + a constant.
        lost = c.information * surprise + c.information_continuous * error / 2
        return lost, {"information": math.log(c.categories) - surprise, "error": error}

    def parts(self, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Noise, one-hot category and continuous codes of latents (N, ...)."""
        c = self.config
        noise, category, codes = z.split([c.noise_dim, c.categories, c.continuous], dim=1)
        return noise, category, codes

    def latents(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        c = self.config
        category = torch.randint(c.categories, (n,), generator=generator)
        uniform = torch.rand(n, c.noise_dim + c.continuous, generator=generator) * 2 - 1
        noise, codes = uniform.split([c.noise_dim, c.continuous], dim=1)
        return torch.cat([noise, F.one_hot(category, c.categories).float(), codes], dim=1)

    def turned(self, z: Tensor, steps: int) -> dict[str, Tensor]:
        """The category from the first to the last, each number from -1 to 1 (Figure 2)."""
        c, rows = self.config, z[:, None].repeat(1, steps, 1)
        category = rows.clone()
        which = torch.arange(steps) * c.categories // steps
        category[..., c.noise_dim : c.noise_dim + c.categories] = F.one_hot(which, c.categories)
        turned = {"category": category}
        for at in range(c.continuous):
            code = rows.clone()
            code[..., c.noise_dim + c.categories + at] = torch.linspace(-1, 1, steps)
            turned[f"code {at + 1}"] = code
        return turned

    def sample(self, z: Tensor, y: Tensor | None = None, sampler: None = None) -> Tensor:
        return self.G(z)

    def published_state(self) -> dict[str, Tensor]:
        return {f"G.{name}": value for name, value in self.G.state_dict().items()}
