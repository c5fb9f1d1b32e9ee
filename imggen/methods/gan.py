r"""Generative adversarial networks.

Ian Goodfellow, Jean Pouget-Abadie, Mehdi Mirza, Bing Xu, David Warde-Farley, Sherjil Ozair, Aaron
Courville, Yoshua Bengio: *Generative Adversarial Nets*, NeurIPS 2014,
[arXiv:1406.2661](https://arxiv.org/abs/1406.2661).

Two fully connected networks play a game. The generator \(G\) turns noise \(z\) into an image, the
discriminator \(D\) gives the probability that an image is real (Eq. 1):

$$
\min_G \max_D V(D, G) =
\mathbb{E}_{x \sim p_\text{data}} \big[\log D(x)\big] +
\mathbb{E}_{z \sim p_z} \big[\log (1 - D(G(z)))\big]
$$

For a fixed generator with density \(p_g\) the best discriminator is
\(D^*(x) = p_\text{data}(x) / (p_\text{data}(x) + p_g(x))\) (Proposition 1), and what it leaves the
generator to minimise is \(2\,\mathrm{JSD}(p_\text{data} \,\|\, p_g) - \log 4\) (Theorem 1).
Algorithm 1 takes `steps_D` steps on \(D\) for each step on \(G\), with new noise each time.

`loss` chooses what the players minimise. *Saturating* is Eq. 1 as it stands: where \(D\) is sure of
itself, \(\log(1 - D(G(z)))\) is flat in the logit and \(G\) learns nothing. *Non-saturating* is the
remedy of section 3: \(G\) maximises \(\log D(G(z))\) instead. *Least squares* is the game of Mao et
al. (2017, LSGAN, [arXiv:1611.04076](https://arxiv.org/abs/1611.04076), Eq. 2), where \(D\) is a
number that should be `b` for real and `a` for generated images, and \(G\) wants it to be `c`:

$$
\min_D \tfrac12 \mathbb{E}_x (D(x) - b)^2 + \tfrac12 \mathbb{E}_z (D(G(z)) - a)^2, \qquad
\min_G \tfrac12 \mathbb{E}_z (D(G(z)) - c)^2
$$

## Departures from the paper

- The hidden layers of \(D\) are LeakyReLU with dropout; the released code for MNIST has maxout
  layers, with dropout of the input too. \(G\) has two hidden layers of 512 ReLUs where that code
  has 1,200.
- Adam with a smaller first momentum, as became usual with DCGAN (arXiv:1511.06434); the paper's
  gradient descent has a momentum that grows. `lr_steps` lets the rate fall to 0.
- Images lie in [-1, 1] and \(G\) ends in a Tanh; the paper's lie in [0, 1] with a sigmoid.
- The real images of a step on \(D\) serve only that step; `steps_D` steps make one step on \(G\).
- Samples come from an exponential moving average of the generator's weights, kept by the loop.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam, Optimizer

from imggen.methods import Batch, Minimize, Panels, Shape, Spec
from imggen.nn.blocks import at_least, flat_size
from imggen.nn.schedules import learning_rate

Loss = Literal["non_saturating", "saturating", "least_squares"]


@dataclass(frozen=True)
class Config:
    """Settings of section 5, of Algorithm 1, and of LSGAN's loss."""

    loss: Loss = "non_saturating"
    """What the players minimise: section 3, Eq. 1 as it stands, or LSGAN's Eq. 2."""
    a: float = 0.0
    """Least squares: what D should say of a generated image (LSGAN, Eq. 9 has 0)."""
    b: float = 1.0
    """Least squares: what D should say of a real image (LSGAN, Eq. 9 has 1)."""
    c: float = 1.0
    """Least squares: what G wants D to say (LSGAN, Eq. 9 has 1)."""
    steps_D: int = 1
    """Steps on D for each step on G: k in Algorithm 1 (1 in the experiments of section 5)."""
    z_dim: int = 100
    """Dimension of the noise z, uniform on [-1, 1] (released code: standard normal)."""
    hidden_G: tuple[int, ...] = (512, 512)
    """Units of the generator's hidden layers (1200, 1200 in the released code)."""
    hidden_D: tuple[int, ...] = (512, 256)
    """Units of the discriminator's hidden layers (240, 240 in the released code, five pieces)."""
    dropout: float = 0.3
    """Share of the discriminator's hidden units left out at each step (released code: 0.5)."""
    leak: float = 0.2
    """Negative slope of the discriminator's LeakyReLU (DCGAN's)."""
    lr_D: float = 2e-4
    """Adam's learning rate for the discriminator."""
    lr_G: float = 2e-4
    """Adam's learning rate for the generator."""
    lr_steps: int | None = None
    """Steps of the whole training: both rates fall to 0 over its second half. None keeps them."""
    beta1: float = 0.5
    """Adam's first momentum (DCGAN, section 4)."""

    @classmethod
    def tiny(cls) -> Config:
        """The smallest instance, for tests."""
        return cls(z_dim=4, hidden_G=(32,), hidden_D=(32,), dropout=0.0, lr_D=2e-3, lr_G=2e-3)


class Generator(nn.Sequential):
    """z (N, z_dim) -> image (N, C, H, W) in [-1, 1], by fully connected layers."""

    def __init__(self, z_dim: int, hidden: tuple[int, ...], shape: Shape) -> None:
        sizes = (z_dim, *hidden)
        layers: list[nn.Module] = []
        for inputs, outputs in zip(sizes[:-1], sizes[1:], strict=True):
            layers += [nn.Linear(inputs, outputs), nn.ReLU()]
        last = nn.Linear(sizes[-1], flat_size(shape))
        super().__init__(*layers, last, nn.Tanh(), nn.Unflatten(1, shape))


class Discriminator(nn.Sequential):
    """Image (N, C, H, W) -> logit (N,), by fully connected layers with dropout."""

    def __init__(self, hidden: tuple[int, ...], dropout: float, leak: float, shape: Shape) -> None:
        sizes = (flat_size(shape), *hidden)
        layers: list[nn.Module] = [nn.Flatten()]
        for inputs, outputs in zip(sizes[:-1], sizes[1:], strict=True):
            layers += [nn.Linear(inputs, outputs), nn.LeakyReLU(leak), nn.Dropout(dropout)]
        super().__init__(*layers, nn.Linear(sizes[-1], 1), nn.Flatten(0))


class GAN(nn.Module):
    """The pair of networks and Algorithm 1."""

    panels: ClassVar[Panels] = {
        "loss": ("loss_D", "loss_G"),
        "D's output": ("D_real", "D_fake"),
    }

    def __init__(self, config: Config, spec: Spec) -> None:
        """Raises: ValueError for settings that make no sense."""
        super().__init__()
        c = config
        at_least(1, steps_D=c.steps_D, z_dim=c.z_dim, lr_steps=c.lr_steps)
        at_least(1, hidden_G=min(c.hidden_G, default=1), hidden_D=min(c.hidden_D, default=1))
        if not 0 <= c.dropout < 1:
            raise ValueError(f"dropout is {c.dropout}, and a share is at least 0 and below 1")
        self.config, self.spec = c, Spec(spec.shape)
        self.G = Generator(c.z_dim, c.hidden_G, spec.shape)
        self.D = Discriminator(c.hidden_D, c.dropout, c.leak, spec.shape)
        self.opt_G = Adam(self.G.parameters(), lr=c.lr_G, betas=(c.beta1, 0.999), fused=True)
        self.opt_D = Adam(self.D.parameters(), lr=c.lr_D, betas=(c.beta1, 0.999), fused=True)
        self.optimizers: dict[str, Optimizer] = {"G": self.opt_G, "D": self.opt_D}

    def loss_of_D(self, real: Tensor, fake: Tensor) -> Tensor:
        """What D minimises, from its outputs (N,) for real and for generated images."""
        if self.config.loss == "least_squares":
            a, b = self.config.a, self.config.b
            return ((real - b).square().mean() + (fake - a).square().mean()) / 2
        # softplus(-l) = -log sigmoid(l), softplus(l) = -log(1 - sigmoid(l)): Eq. 1 on logits.
        return F.softplus(-real).mean() + F.softplus(fake).mean()

    def loss_of_G(self, fake: Tensor) -> Tensor:
        """What G minimises, from D's outputs (N,) for generated images."""
        if self.config.loss == "least_squares":
            return (fake - self.config.c).square().mean() / 2
        if self.config.loss == "saturating":
            return -F.softplus(fake).mean()
        return F.softplus(-fake).mean()

    def training_step(self, batch: Batch, step: int, minimize: Minimize) -> dict[str, Tensor]:
        c, x = self.config, batch.x
        x_fake = self.G(self.noise(x))
        real, fake = self.D(x).float(), self.D(x_fake.detach()).float()
        loss_D = self.loss_of_D(real, fake)
        minimize(loss_D, self.opt_D, lr=learning_rate(c.lr_D, step, c.lr_steps))
        belief = self.belief
        stats = {
            "loss_D": loss_D,
            "D_real": belief(real).mean(),
            "D_fake": belief(fake).mean(),
        }
        if (step + 1) % c.steps_D == 0:
            loss_G = self.loss_of_G(self.D(self.G(self.noise(x))).float())
            minimize(loss_G, self.opt_G, lr=learning_rate(c.lr_G, step, c.lr_steps))
            stats["loss_G"] = loss_G
        return stats

    def belief(self, output: Tensor) -> Tensor:
        """D(x) from what the network gives: a probability, but for least squares."""
        return output if self.config.loss == "least_squares" else output.sigmoid()

    def noise(self, x: Tensor) -> Tensor:
        """z for as many images as there are in x."""
        return torch.rand(len(x), self.config.z_dim, device=x.device) * 2 - 1

    def latents(self, n: int, generator: torch.Generator) -> Tensor:
        return torch.rand(n, self.config.z_dim, generator=generator) * 2 - 1

    def sample(self, z: Tensor, y: Tensor | None = None, sampler: None = None) -> Tensor:
        return self.G(z)

    def published_state(self) -> dict[str, Tensor]:
        return {f"G.{name}": value for name, value in self.G.state_dict().items()}
