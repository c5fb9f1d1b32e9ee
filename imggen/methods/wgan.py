r"""Wasserstein GAN, with clipped weights.

Martin Arjovsky, Soumith Chintala, Léon Bottou: *Wasserstein GAN*, ICML 2017,
[arXiv:1701.07875](https://arxiv.org/abs/1701.07875).

Where real and generated images lie on thin sets that hardly meet, the Jensen-Shannon divergence is
the same constant however far apart they are, and a good discriminator leaves no gradient. The
Wasserstein-1 distance, the least mean distance by which one must move one distribution to make it
the other, falls as they come nearer (Example 1). By its dual (Eq. 2) it is the most that a function
with slopes of at most 1 can tell them apart by:

$$
W(p_\text{data}, p_g) = \sup_{\|f\|_L \le 1}
\mathbb{E}_{x \sim p_\text{data}} \big[f(x)\big] - \mathbb{E}_{z \sim p_z} \big[f(G(z))\big]
$$

The critic \(D\) plays \(f\). To bound its slopes, whatever the bound is, all its weights are
clipped to [-c, c] after each step (Algorithm 1). It may be trained near its optimum, since that
only makes the generator's gradient better. The authors say themselves that clipping is a poor way
to bound a slope: with too small a \(c\) gradients vanish, too large a one takes long to reach.
Where the weights end up is a figure of our post.

## Departures from the paper

- A step of the loop is one step of the critic on images of its own; \(G\) moves after every
  `n_critic` of them. As in the released code \(G\)'s first 25 steps, and each 500th, wait for
  `n_critic_long` steps of the critic; Algorithm 1 does not say so.
- The weights are clipped after the critic's step, as in Algorithm 1; the released code clips before
  it, so that its weights may stand outside by one step.
- Networks are DCGAN's for 28 pixels, batch normalisation in the critic included, as in the paper's
  experiments on 64 pixels; its scale and shift are clipped as well, as in the released code. With
  it, no bound on the weights bounds the slope at one image: statistics of the batch divide.
- Samples come from an exponential moving average of the generator's weights, kept by the loop.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer, RMSprop

from imggen.methods import Batch, Minimize, Panels, Spec
from imggen.methods.dcgan import Discriminator, Generator, initialise
from imggen.nn.blocks import at_least

PERIOD, FIRST = 500, 25
"""G's steps between two long trainings of the critic, and how many at first are all long."""


@dataclass(frozen=True)
class Config:
    """Settings of Algorithm 1, with the paper's values as defaults."""

    clip: float = 0.01
    """The bound c of the critic's weights (Algorithm 1)."""
    n_critic: int = 5
    """The critic's steps for one of G (Algorithm 1)."""
    n_critic_long: int = 100
    """The same for G's first 25 steps and each 500th (released code)."""
    lr: float = 5e-5
    """RMSprop's learning rate for both (Algorithm 1; momentum made the critic unstable)."""
    z_dim: int = 100
    """Dimension of the latent z, standard normal (released code)."""
    width: int = 64
    """Channels of the feature map next to the image (released code, for 64 pixels)."""
    leak: float = 0.2
    """Negative slope of the critic's LeakyReLU (DCGAN)."""
    init_std: float = 0.02
    """Standard deviation of the initial weights (DCGAN); at once clipped."""

    @classmethod
    def tiny(cls) -> Config:
        """The smallest instance, for tests."""
        return cls(clip=0.05, n_critic=2, n_critic_long=4, lr=3e-3, z_dim=4, width=4, init_std=0.1)


def moves_generator(step: int, n_critic: int, n_critic_long: int) -> bool:
    """Whether G moves after the critic's step `step`, counted from 0.

    The released code waits `n_critic_long` steps when G has moved fewer than 25 times, or a
    multiple of 500 times, else `n_critic`.
    """
    done = step + 1
    if done <= FIRST * n_critic_long:
        return done % n_critic_long == 0
    # As if those had been a period's beginning like any other: one long wait, the others short.
    short = FIRST - 1
    done += short * n_critic - short * n_critic_long
    within = done % (n_critic_long + (PERIOD - 1) * n_critic)
    return within == 0 or (within >= n_critic_long and (within - n_critic_long) % n_critic == 0)


class WGAN(nn.Module):
    """Generator, critic and the steps of Algorithm 1."""

    panels: ClassVar[Panels] = {
        "critic's estimate": ("distance",),
        "share of weights at the bound": ("clipped",),
    }

    def __init__(self, config: Config, spec: Spec) -> None:
        """Raises: ValueError for images that are not square or below 8 pixels."""
        super().__init__()
        c = config
        at_least(1, n_critic=c.n_critic, n_critic_long=c.n_critic_long)
        at_least(1, z_dim=c.z_dim, width=c.width)
        at_least(0, init_std=c.init_std)
        if not c.clip > 0:
            raise ValueError(f"clip is {c.clip}, and the weights need room above 0")
        self.config, self.spec = c, Spec(spec.shape)
        self.G = Generator(c.z_dim, c.width, spec.shape)
        self.D = Discriminator(c.width, c.leak, spec.shape)
        initialise(self, c.init_std)
        # A constant cancels in the difference: it would never move.
        self.D.layers[-2].register_parameter("bias", None)
        self.opt_G = RMSprop(self.G.parameters(), lr=c.lr)
        self.opt_D = RMSprop(self.D.parameters(), lr=c.lr)
        self.optimizers: dict[str, Optimizer] = {"G": self.opt_G, "D": self.opt_D}

    def training_step(self, batch: Batch, step: int, minimize: Minimize) -> dict[str, Tensor]:
        c, x = self.config, batch.x
        with torch.no_grad():
            x_fake = self.G(self.noise(x))
        distance = self.D(x).mean() - self.D(x_fake).mean()
        minimize(-distance, self.opt_D)
        self.clip_weights()
        if moves_generator(step, c.n_critic, c.n_critic_long):
            minimize(-self.D(self.G(self.noise(x))).mean(), self.opt_G)
        return {"distance": distance, "clipped": self.share_at_the_bound()}

    @torch.no_grad()
    def clip_weights(self) -> None:
        """w <- clip(w, -c, c) for each weight of the critic (Algorithm 1, line 7)."""
        for weight in self.D.parameters():
            weight.clamp_(-self.config.clip, self.config.clip)

    @torch.no_grad()
    def share_at_the_bound(self) -> Tensor:
        """How much of the critic's weights is -c or c, between 0 and 1."""
        weights = torch.cat([weight.flatten() for weight in self.D.parameters()])
        return (weights.abs() >= self.config.clip).float().mean()

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
