r"""R1: the discriminator's slope at real images.

Lars Mescheder, Andreas Geiger, Sebastian Nowozin: *Which Training Methods for GANs do actually
Converge?*, ICML 2018, [arXiv:1801.04406](https://arxiv.org/abs/1801.04406).

The smallest game there is has real data at 0, a generator that always says \(\theta\) and a
discriminator \(D(x) = \psi x\) (Dirac-GAN, section 2). Around its equilibrium
\(\theta = \psi = 0\) the steps of gradient descent turn in a circle and never come nearer: when
\(G\) is right, \(D\) still has a slope, and drives it out again. What is wrong is that a
discriminator is not asked to be flat where it can gain nothing. So its slope at real images is
punished (Eq. 9):

$$
R_1(\psi) = \frac{\gamma}{2}\, \mathbb{E}_{x \sim p_\text{data}}
\big[\|\nabla_x D_\psi(x)\|^2\big]
$$

and the training converges locally, for the Dirac-GAN with the eigenvalues
\(-\tfrac{\gamma}{2} \pm \sqrt{\gamma^2/4 - f'(0)^2}\) of its gradient field, where \(f\) is the
loss as a function of the logit. `imggen/studies/dirac.py` plays that game. The losses are those of
the original GAN, non-saturating, on \(D\)'s logit.

## Departures from the paper

- The networks are DCGAN's for 28 pixels, without batch normalisation in the discriminator, whose
  slope at one image would depend on others; the paper's are residual networks on larger images.
- The penalty is taken at every `every`-th step, `every` times as heavy (Karras et al. 2020,
  [arXiv:1912.04958](https://arxiv.org/abs/1912.04958), section 3.1: lazy regularisation), and in
  float32 whatever the precision of the training. Karras et al. also shrink Adam's rate and momenta
  to make up for the steps in between; here they stay.
- Adam without a first momentum; the released code has RMSprop, with one rate for both networks.
  Both rates fall to 0 over the second half of `lr_steps`.
- \(\gamma\) belongs to the images' size and range: it is not the paper's 10. Its released code
  leaves out the half in front.
- Samples come from an exponential moving average of the generator's weights, as in the paper,
  kept by the loop.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

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


@dataclass(frozen=True)
class Config:
    """Settings of the paper's experiments, but for the weight of the penalty and the networks."""

    gamma: float = 1.0
    """Weight of the penalty (Eq. 9; 10 in the paper, for larger images); 0 turns it off."""
    every: int = 16
    """Steps between two penalties, each this many times as heavy (1 in the paper)."""
    z_dim: int = 256
    """Dimension of the latent z, standard normal (released code)."""
    width: int = 64
    """Channels of the feature map next to the image."""
    lr_D: float = 2e-4
    """Adam's learning rate for the discriminator (released code: 1e-4)."""
    lr_G: float = 2e-4
    """Adam's learning rate for the generator (released code: 1e-4)."""
    lr_steps: int | None = None
    """Steps of the whole training: both rates fall to 0 over its second half. None keeps them."""
    beta1: float = 0.0
    """Adam's first momentum."""
    beta2: float = 0.99
    """Adam's second momentum."""
    leak: float = 0.2
    """Negative slope of the discriminator's LeakyReLU."""
    init_std: float = 0.02
    """Standard deviation of the generator's initial weights (DCGAN)."""

    @classmethod
    def tiny(cls) -> Config:
        """The smallest instance, for tests."""
        return cls(gamma=0.1, every=2, z_dim=4, width=4, lr_D=2e-3, lr_G=2e-3)


class R1(nn.Module):
    """Generator, discriminator, and steps whose every few carry the penalty."""

    panels: ClassVar[Panels] = {
        "loss (nats)": ("loss_D", "loss_G"),
        "D's belief": ("D_real", "D_fake"),
        "squared slope at real images": ("slope",),
    }

    def __init__(self, config: Config, spec: Spec) -> None:
        """Raises: ValueError for images that are not square or below 8 pixels."""
        super().__init__()
        c = config
        at_least(1, every=c.every, z_dim=c.z_dim, width=c.width, lr_steps=c.lr_steps)
        at_least(0, gamma=c.gamma, init_std=c.init_std)
        self.config, self.spec = c, Spec(spec.shape)
        self.G = Generator(c.z_dim, c.width, spec.shape)
        initialise(self.G, c.init_std)
        self.D = Critic(c.width, c.leak, spec.shape)
        betas = (c.beta1, c.beta2)
        self.opt_G = Adam(self.G.parameters(), lr=c.lr_G, betas=betas, fused=True)
        self.opt_D = Adam(self.D.parameters(), lr=c.lr_D, betas=betas, fused=True)
        self.optimizers: dict[str, Optimizer] = {"G": self.opt_G, "D": self.opt_D}

    def training_step(self, batch: Batch, step: int, minimize: Minimize) -> dict[str, Tensor]:
        c, x = self.config, batch.x
        x_fake = self.G(torch.randn(len(x), c.z_dim, device=x.device))

        real, fake = self.D(torch.cat([x, x_fake.detach()])).chunk(2)
        loss_D = F.softplus(-real).mean() + F.softplus(fake).mean()
        penalty, stats = torch.zeros_like(loss_D), {}
        if step % c.every == 0:
            stats["slope"] = slope = squared_slopes(self.D, x).mean()
            penalty = c.every * c.gamma / 2 * slope  # Eq. 9
        minimize(loss_D + penalty, self.opt_D, lr=learning_rate(c.lr_D, step, c.lr_steps))

        loss_G = F.softplus(-self.D(x_fake)).mean()
        minimize(loss_G, self.opt_G, lr=learning_rate(c.lr_G, step, c.lr_steps))
        stats |= {"D_real": real.sigmoid().mean(), "D_fake": fake.sigmoid().mean()}
        return {"loss_D": loss_D, "loss_G": loss_G, **stats}

    def latents(self, n: int, generator: torch.Generator) -> Tensor:
        return torch.randn(n, self.config.z_dim, generator=generator)

    def sample(self, z: Tensor, y: Tensor | None = None, sampler: None = None) -> Tensor:
        return self.G(z)

    def published_state(self) -> dict[str, Tensor]:
        return {f"G.{name}": value for name, value in self.G.state_dict().items()}
