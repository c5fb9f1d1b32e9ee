r"""Spectral normalisation, and a projection discriminator.

Takeru Miyato, Toshiki Kataoka, Masanori Koyama, Yuichi Yoshida: *Spectral Normalization for
Generative Adversarial Networks*, ICLR 2018, [arXiv:1802.05957](https://arxiv.org/abs/1802.05957);
Takeru Miyato, Masanori Koyama: *cGANs with Projection Discriminator*, ICLR 2018,
[arXiv:1802.05637](https://arxiv.org/abs/1802.05637).

A linear layer stretches no vector by more than its largest singular value \(\sigma(W)\), its
spectral norm. Divide every weight of the discriminator by it, and with activations whose slopes are
at most 1 a network of linear layers has a slope of at most 1, everywhere, without a penalty (Eq. 7
and 8); one of convolutions is bounded too, up to a factor:

$$
\bar W = W / \sigma(W), \qquad
\sigma(W) = \max_{h \ne 0} \frac{\|W h\|_2}{\|h\|_2} \approx u^\top W v
$$

One step of the power iteration for each forward pass keeps \(u\) and \(v\) near the singular
vectors, since weights change little from one step to the next (Algorithm 1). A convolution's kernel
is taken as the matrix of its output channels against all else (section 4 there).
Both players have the hinge loss (Eq. 16 and 17):

$$
L_D = \mathbb{E}_{x}\big[\max(0, 1 - D(x, y))\big] +
\mathbb{E}_{z}\big[\max(0, 1 + D(G(z, y), y))\big], \qquad
L_G = -\mathbb{E}_{z} \big[D(G(z, y), y)\big]
$$

Where log-densities of classes given features are linear, the best discriminator's logit is a sum of
a part without the label and an inner product (second paper, Eq. 3):
\(D(x, y) = \psi(\phi(x)) + \langle v_y, \phi(x) \rangle\). So the label enters by a projection of
the features on its embedding \(v_y\), and the generator has it in its batch normalisation, whose
scale and shift are the label's (section 4).

Between sharp and varied one may choose when one samples: with `Sampler.truncation` \(\tau\) the
latent's components are drawn from the normal distribution between \(-\tau\) and \(\tau\) (Brock et
al. 2019, BigGAN, [arXiv:1809.11096](https://arxiv.org/abs/1809.11096), section 3.1).

## Departures from the paper

- Discriminator and generator are pyramids of strided convolutions as in DCGAN, not the papers'
  residual networks; the projection is one of all features at their places, not of their sums.
- One step on \(D\) for each on \(G\), where the papers take five, and a rate for each
  (two time scales: Heusel et al. 2017, arXiv:1706.08500). The generator's step uses as many images
  as the discriminator's, where the released code uses twice as many.
- Truncated latents are the normal ones pushed through the quantiles of the truncated distribution,
  one by one, so that a sample changes smoothly with \(\tau\); BigGAN draws again what is too large.
- Both rates fall to 0 over the second half of `lr_steps`.
- With `project` off it is the first paper alone, and labels are not looked at.
- Samples come from an exponential moving average of the generator's weights, kept by the loop.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrize
from torch.optim import Adam, Optimizer

from imggen.methods import Batch, Minimize, Panels, Shape, Spec
from imggen.nn.blocks import at_least, side
from imggen.nn.convolutions import Trunk, kernel_for, pyramid
from imggen.nn.schedules import learning_rate


@dataclass(frozen=True)
class Config:
    """Settings of the released code, but for the ratio of steps and the rates."""

    project: bool = True
    """Use labels: projection in D, conditional batch normalisation in G. Off: neither sees them."""
    z_dim: int = 128
    """Dimension of the latent z, standard normal (first paper, section 4)."""
    width: int = 64
    """Channels of the feature map next to the image (first paper, Table 3)."""
    lr_D: float = 4e-4
    """Adam's learning rate for D (the papers: 2e-4 for both)."""
    lr_G: float = 2e-4
    """Adam's learning rate for G (section 4.1)."""
    lr_steps: int | None = None
    """Steps of the whole training: both rates fall to 0 over its second half. None keeps them."""
    beta1: float = 0.0
    """Adam's first momentum (released code)."""
    beta2: float = 0.9
    """Adam's second momentum (released code)."""
    leak: float = 0.1
    """Negative slope of D's LeakyReLU (first paper, Table 3)."""

    @classmethod
    def tiny(cls) -> Config:
        """The smallest instance, for tests."""
        return cls(z_dim=4, width=4, lr_D=2e-2, lr_G=4e-3)


@dataclass(frozen=True)
class Sampler:
    """How far from the middle latents are drawn."""

    truncation: float | None = None
    """Largest absolute value of a latent's components (BigGAN, section 3.1); None: no bound."""


def truncated(z: Tensor, bound: float) -> Tensor:
    """Standard normal values (N, ...) -> values of the normal distribution inside [-bound, bound].

    Each is moved to the same quantile. Raises: ValueError for a bound that is not above 0.
    """
    if not bound > 0:
        raise ValueError(f"truncation is {bound}, and it must be above 0")
    inside = math.erf(bound / math.sqrt(2))
    quantile = (1 - inside) / 2 + inside * torch.special.ndtr(z.double())
    return torch.special.ndtri(quantile).clamp(-bound, bound).to(z.dtype)


class SpectralNorm(nn.Module):
    """W -> W / sigma(W); each use in training takes one step of the power iteration.

    W is read as a matrix of its first dimension against all others (section 4).
    """

    u: Tensor

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.register_buffer("u", F.normalize(torch.randn(len(weight)), dim=0))

    def forward(self, weight: Tensor) -> Tensor:
        W = weight.flatten(1)
        with torch.no_grad(), torch.autocast(W.device.type, enabled=False):
            v = F.normalize(W.T @ self.u, dim=0)  # Algorithm 1
            u = F.normalize(W @ v, dim=0)
            if self.training:
                self.u.copy_(u)
        with torch.autocast(W.device.type, enabled=False):
            return weight / torch.dot(u, W @ v)


def spectral_norm(layer: nn.Module) -> nn.Module:
    """The layer, with its weight divided by its spectral norm from here on."""
    weight = layer.weight
    assert isinstance(weight, Tensor)
    parametrize.register_parametrization(layer, "weight", SpectralNorm(weight))
    return layer


class Discriminator(nn.Module):
    """psi(phi(x)) + <v_y, phi(x)>: images (N, C, H, W) and labels (N,) or None -> values (N,)."""

    def __init__(self, width: int, leak: float, shape: Shape, classes: int) -> None:
        super().__init__()
        self.phi = Trunk(width, leak, shape, wrap=spectral_norm)
        self.psi = spectral_norm(nn.Linear(self.phi.features, 1))
        embedding = nn.Embedding(classes, self.phi.features) if classes else None
        self.v = None if embedding is None else spectral_norm(embedding)

    def forward(self, x: Tensor, y: Tensor | None) -> Tensor:
        features = self.phi(x)
        value = self.psi(features).squeeze(1).float()
        return value if self.v is None else value + (self.v(y) * features).sum(dim=1)


class ConditionalNorm(nn.Module):
    """Batch normalisation whose scale and shift (second paper, section 4) belong to the label."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=not classes)
        self.scale = nn.Embedding(classes, channels) if classes else None
        self.shift = nn.Embedding(classes, channels) if classes else None
        if self.scale is not None and self.shift is not None:
            nn.init.normal_(self.scale.weight, mean=1.0, std=0.02)
            nn.init.zeros_(self.shift.weight)

    def forward(self, x: Tensor, y: Tensor | None) -> Tensor:
        x = self.norm(x)
        if self.scale is None or self.shift is None:
            return x
        return self.scale(y)[:, :, None, None] * x + self.shift(y)[:, :, None, None]


class Generator(nn.Module):
    """z (N, z_dim) and labels (N,) or None -> images (N, C, H, W) in [-1, 1]."""

    def __init__(self, z_dim: int, width: int, shape: Shape, classes: int) -> None:
        super().__init__()
        sizes = pyramid(side(shape))
        widths = [width * 2**level for level in reversed(range(len(sizes) - 1))]
        self.start = nn.Linear(z_dim, widths[0] * sizes[0] ** 2)
        self.begin = (widths[0], sizes[0], sizes[0])
        self.norms = nn.ModuleList(ConditionalNorm(w, classes) for w in widths)
        self.ups = nn.ModuleList(
            nn.ConvTranspose2d(source, target, kernel_for(size), stride=2, padding=1)
            for source, target, size in zip(widths, [*widths[1:], shape[0]], sizes[1:], strict=True)
        )
        for layer in (self.start, *self.ups):
            nn.init.normal_(layer.weight, std=0.02)
            nn.init.zeros_(layer.bias)

    def forward(self, z: Tensor, y: Tensor | None) -> Tensor:
        x = self.start(z).unflatten(1, self.begin)
        for norm, up in zip(self.norms, self.ups, strict=True):
            x = up(F.relu(norm(x, y)))
        return x.tanh()


class SNGAN(nn.Module):
    """Generator, discriminator, the hinge losses and their alternating steps."""

    panels: ClassVar[Panels] = {
        "hinge loss": ("loss_D", "loss_G"),
        "D's value": ("D_real", "D_fake"),
    }

    def __init__(self, config: Config, spec: Spec) -> None:
        """Raises: ValueError for images that are not square, below 8 pixels or without labels."""
        super().__init__()
        c = config
        at_least(1, z_dim=c.z_dim, width=c.width, lr_steps=c.lr_steps)
        if c.project and spec.classes < 1:
            raise ValueError("a projection needs images with labels; without, turn `project` off")
        self.config, self.spec = c, Spec(spec.shape, spec.classes if c.project else 0)
        self.G = Generator(c.z_dim, c.width, spec.shape, self.spec.classes)
        self.D = Discriminator(c.width, c.leak, spec.shape, self.spec.classes)
        betas = (c.beta1, c.beta2)
        self.opt_G = Adam(self.G.parameters(), lr=c.lr_G, betas=betas, fused=True)
        self.opt_D = Adam(self.D.parameters(), lr=c.lr_D, betas=betas, fused=True)
        self.optimizers: dict[str, Optimizer] = {"G": self.opt_G, "D": self.opt_D}

    def training_step(self, batch: Batch, step: int, minimize: Minimize) -> dict[str, Tensor]:
        c, x, y = self.config, batch.x, batch.y
        x_fake = self.G(torch.randn(len(x), c.z_dim, device=x.device), y)

        both = None if y is None else torch.cat([y, y])
        real, fake = self.D(torch.cat([x, x_fake.detach()]), both).chunk(2)
        loss_D = F.relu(1 - real).mean() + F.relu(1 + fake).mean()  # Eq. 16
        minimize(loss_D, self.opt_D, lr=learning_rate(c.lr_D, step, c.lr_steps))

        loss_G = -self.D(x_fake, y).mean()  # Eq. 17
        minimize(loss_G, self.opt_G, lr=learning_rate(c.lr_G, step, c.lr_steps))
        stats = {"loss_D": loss_D, "loss_G": loss_G}
        return {**stats, "D_real": real.mean(), "D_fake": fake.mean()}

    def latents(self, n: int, generator: torch.Generator) -> Tensor:
        return torch.randn(n, self.config.z_dim, generator=generator)

    def sample(self, z: Tensor, y: Tensor | None = None, sampler: Sampler | None = None) -> Tensor:
        """Raises: ValueError without labels where they are needed, or for a bound of 0 or below."""
        if y is None and self.spec.classes:
            raise ValueError("this GAN was trained with labels and samples only with them")
        bound = None if sampler is None else sampler.truncation
        return self.G(z if bound is None else truncated(z, bound), y)

    def published_state(self) -> dict[str, Tensor]:
        return {f"G.{name}": value for name, value in self.G.state_dict().items()}
