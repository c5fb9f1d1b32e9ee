r"""Wasserstein GAN with gradient penalty.

Ishaan Gulrajani, Faruk Ahmed, Martin Arjovsky, Vincent Dumoulin, Aaron Courville: *Improved
Training of Wasserstein GANs*, NeurIPS 2017, [arXiv:1704.00028](https://arxiv.org/abs/1704.00028).

A critic whose weights are clipped ([WGAN](wgan.md)) bounds its slopes, but learns functions that
are far too simple: most weights end at the bound (section 3). The best critic has a slope of
exactly 1 almost everywhere on the straight lines between matched real and generated images
(Proposition 1). So the slope is asked to be 1 there, at random points between random pairs (Eq. 3):

$$
L = \mathbb{E}_{z} \big[D(G(z))\big] - \mathbb{E}_{x} \big[D(x)\big] +
\lambda\, \mathbb{E}_{\hat x} \Big[\big(\|\nabla_{\hat x} D(\hat x)\|_2 - 1\big)^2\Big], \qquad
\hat x = \epsilon x + (1 - \epsilon) G(z), \quad \epsilon \sim U[0, 1]
$$

with one \(\epsilon\) for each pair, and the norm over all pixels of an image. The generator
minimises \(-\mathbb{E}_z [D(G(z))]\). The critic has no batch normalisation: with it the value of
one image would depend on the others, and the gradient at one image would not be the function's
(section 4).

## Departures from the paper

- A step of the loop is one step of the critic on images of its own; \(G\) moves after every
  `n_critic` of them.
- The networks are DCGAN's for 28 pixels; the critic has no normalisation at all, as in the released
  code for MNIST (section 4 recommends layer normalisation).
- \(\beta_1\) of Adam is 0.5, as in the released code for MNIST; Algorithm 1 has 0. The rate falls
  to 0 over the second half of `lr_steps`. The rate of record is twice the paper's 1e-4.
- The penalty is computed in float32 whatever the precision of the training, and 1e-12 is added to
  the squared norm below its root, whose slope has no end at 0.
- Samples come from an exponential moving average of the generator's weights, kept by the loop.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from imggen.methods import Batch, Minimize, Panels, Spec
from imggen.methods.dcgan import Generator, initialise
from imggen.nn.blocks import at_least
from imggen.nn.convolutions import Critic
from imggen.nn.penalties import squared_slopes
from imggen.nn.schedules import learning_rate


@dataclass(frozen=True)
class Config:
    """Settings of Algorithm 1 and of the released code for MNIST."""

    penalty: float = 10.0
    """The weight lambda of the gradient penalty (section 4)."""
    n_critic: int = 5
    """The critic's steps for one of G (Algorithm 1)."""
    lr: float = 1e-4
    """Adam's learning rate for both (Algorithm 1)."""
    lr_steps: int | None = None
    """Steps of the whole training: the rate falls to 0 over its second half. None keeps it."""
    beta1: float = 0.5
    """Adam's first momentum (released code for MNIST; Algorithm 1 has 0)."""
    beta2: float = 0.9
    """Adam's second momentum (Algorithm 1)."""
    z_dim: int = 128
    """Dimension of the latent z, standard normal (released code)."""
    width: int = 64
    """Channels of the feature map next to the image (released code)."""
    leak: float = 0.2
    """Negative slope of the critic's LeakyReLU (released code)."""
    init_std: float = 0.02
    """Standard deviation of the generator's initial weights (DCGAN, section 4)."""

    @classmethod
    def tiny(cls) -> Config:
        """The smallest instance, for tests."""
        return cls(n_critic=2, lr=2e-3, z_dim=4, width=4)


class WGANGP(nn.Module):
    """Generator, critic and the steps of Algorithm 1."""

    panels: ClassVar[Panels] = {
        "critic's estimate": ("distance",),
        "slope between real and generated": ("slope",),
        "penalty": ("penalty",),
    }

    def __init__(self, config: Config, spec: Spec) -> None:
        """Raises: ValueError for images that are not square or below 8 pixels."""
        super().__init__()
        c = config
        at_least(1, n_critic=c.n_critic, z_dim=c.z_dim, width=c.width, lr_steps=c.lr_steps)
        at_least(0, penalty=c.penalty, init_std=c.init_std)
        self.config, self.spec = c, Spec(spec.shape)
        self.G = Generator(c.z_dim, c.width, spec.shape)
        initialise(self.G, c.init_std)
        self.D = Critic(c.width, c.leak, spec.shape, bias=False)
        betas = (c.beta1, c.beta2)
        self.opt_G = Adam(self.G.parameters(), lr=c.lr, betas=betas, fused=True)
        self.opt_D = Adam(self.D.parameters(), lr=c.lr, betas=betas, fused=True)
        self.optimizers: dict[str, Optimizer] = {"G": self.opt_G, "D": self.opt_D}

    def training_step(self, batch: Batch, step: int, minimize: Minimize) -> dict[str, Tensor]:
        c, x = self.config, batch.x
        lr = learning_rate(c.lr, step, c.lr_steps)
        with torch.no_grad():
            x_fake = self.G(self.noise(x))
        real, fake = self.D(torch.cat([x, x_fake])).chunk(2)
        slope = self.slopes(x, x_fake)
        distance, penalty = real.mean() - fake.mean(), (slope - 1).square().mean()
        minimize(c.penalty * penalty - distance, self.opt_D, lr=lr)
        if (step + 1) % c.n_critic == 0:
            minimize(-self.D(self.G(self.noise(x))).mean(), self.opt_G, lr=lr)
        return {"distance": distance, "slope": slope.mean(), "penalty": penalty}

    def slopes(self, x: Tensor, x_fake: Tensor) -> Tensor:
        """Norms (N,) of D's gradient at a random point between each pair (Algorithm 1, line 6)."""
        eps = torch.rand(len(x), 1, 1, 1, device=x.device)
        between = eps * x + (1 - eps) * x_fake
        return (squared_slopes(self.D, between) + 1e-12).sqrt()

    def noise(self, x: Tensor) -> Tensor:
        """z for as many images as there are in x."""
        return torch.randn(len(x), self.config.z_dim, device=x.device)

    def latents(self, n: int, generator: torch.Generator) -> Tensor:
        return torch.randn(n, self.config.z_dim, generator=generator)

    def sample(self, z: Tensor, y: Tensor | None = None, sampler: None = None) -> Tensor:
        return self.G(z)

    def critics_weights(self) -> Tensor:
        matrices = [w.detach().flatten() for w in self.D.parameters() if w.ndim > 1]
        return torch.cat(matrices)

    def published_state(self) -> dict[str, Tensor]:
        return {f"G.{name}": value for name, value in self.G.state_dict().items()}
