r"""Deep convolutional generative adversarial networks.

Alec Radford, Luke Metz, Soumith Chintala: *Unsupervised Representation Learning with Deep
Convolutional Generative Adversarial Networks*, ICLR 2016,
[arXiv:1511.06434](https://arxiv.org/abs/1511.06434).

Two networks play the game of Goodfellow et al. (2014,
[arXiv:1406.2661](https://arxiv.org/abs/1406.2661), Eq. 1). The generator \(G\) turns noise
\(z\) into an image, the discriminator \(D\) gives the probability that an image is real:

$$
\min_G \max_D \;
\mathbb{E}_{x \sim p_\text{data}} \big[\log D(x)\big] +
\mathbb{E}_{z \sim p_z} \big[\log (1 - D(G(z)))\big]
$$

The generator's own loss is the non-saturating one of Goodfellow et al., section 3:
it maximises \(\log D(G(z))\), whose gradient does not vanish while the discriminator is winning.

What DCGAN adds is a recipe for the networks (section 3): no pooling, strided convolutions instead;
batch normalisation nearly everywhere; no hidden fully connected layers; ReLU in the generator with
a Tanh at its end; LeakyReLU in the discriminator; Adam with a smaller \(\beta_1\).

## Departures from the paper

- Images are smaller than the paper's 64 pixels, so the pyramid has fewer levels: MNIST's 28 pixels
  are reached from 4x4 over 7 and 14. The step between 4 and 7 has kernels of 3 pixels, all others
  of 4; the paper draws kernels of 5 in Figure 1.
- `width` is the number of channels next to the image: 64 here by default, 128 in the paper's
  Figure 1. Channels double at each level as there.
- Generator and discriminator may learn at different rates, `lr_G` and `lr_D`; the paper has one.
- The learning rates fall to 0 over the second half of the training where `lr_steps` says how long
  that is. The paper does not; the authors' released code for MNIST does.
- Samples come from an exponential moving average of the generator's weights, kept by the loop.
  The paper samples from the last weights.
- Batch normalisation sees the real and the generated half-batches separately, as in the authors'
  released code. The paper does not say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam, Optimizer

from imggen.methods import Batch, Minimize, Panels, Shape, Spec
from imggen.nn.blocks import at_least, side
from imggen.nn.convolutions import kernel_for, pyramid
from imggen.nn.schedules import learning_rate


@dataclass(frozen=True)
class Config:
    """Settings of section 4, with the paper's values as defaults."""

    z_dim: int = 100
    """Dimension of the latent z, uniform on [-1, 1] (section 4.1, Figure 1)."""
    width: int = 64
    """Channels of the feature map next to the image (Figure 1 has 128)."""
    lr_D: float = 2e-4
    """Adam's learning rate for the discriminator (section 4)."""
    lr_G: float = 2e-4
    """Adam's learning rate for the generator (section 4)."""
    lr_steps: int | None = None
    """Steps of the whole training: both rates fall to 0 over its second half. None keeps them."""
    beta1: float = 0.5
    """Adam's first momentum (section 4: 0.9 made training oscillate)."""
    leak: float = 0.2
    """Negative slope of the discriminator's LeakyReLU (section 4)."""
    init_std: float = 0.02
    """Standard deviation of the initial weights (section 4)."""

    @classmethod
    def tiny(cls) -> Config:
        """The smallest instance, for tests."""
        return cls(z_dim=4, width=4, lr_D=2e-3, lr_G=2e-3)


class Generator(nn.Module):
    """z (N, z_dim) -> image (N, C, H, W) in [-1, 1], by fractionally strided convolutions."""

    def __init__(self, z_dim: int, width: int, shape: Shape) -> None:
        super().__init__()
        channels, size = shape[0], side(shape)
        sizes = pyramid(size)
        width *= 2 ** (len(sizes) - 2)
        layers: list[nn.Module] = [
            nn.Unflatten(1, (z_dim, 1, 1)),
            nn.ConvTranspose2d(z_dim, width, kernel_size=sizes[0], bias=False),
        ]
        for target in sizes[1:-1]:
            kernel = kernel_for(target)
            layers += [
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
                nn.ConvTranspose2d(width, width // 2, kernel, stride=2, padding=1, bias=False),
            ]
            width //= 2
        layers += [
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(width, channels, kernel_for(size), stride=2, padding=1),
            nn.Tanh(),
        ]
        self.layers = nn.Sequential(*layers)

    def forward(self, z: Tensor) -> Tensor:
        return self.layers(z)


class Discriminator(nn.Module):
    """Image (N, C, H, W) -> float32 logit (N,) of being real, by strided convolutions."""

    def __init__(self, width: int, leak: float, shape: Shape) -> None:
        super().__init__()
        channels, size = shape[0], side(shape)
        sizes = pyramid(size)
        # No batch normalisation on D's input layer nor G's output layer (section 3).
        layers: list[nn.Module] = [
            nn.Conv2d(channels, width, kernel_for(size), stride=2, padding=1),
            nn.LeakyReLU(leak, inplace=True),
        ]
        for source in reversed(sizes[1:-1]):
            kernel = kernel_for(source)
            layers += [
                nn.Conv2d(width, 2 * width, kernel, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(2 * width),
                nn.LeakyReLU(leak, inplace=True),
            ]
            width *= 2
        layers += [nn.Conv2d(width, 1, kernel_size=sizes[0]), nn.Flatten(0)]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x).float()


def initialise(module: nn.Module, std: float) -> None:
    """Zero-centred normal weights (section 4); batch-norm scales are N(1, std)."""
    for layer in module.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(layer.weight, mean=0.0, std=std)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, mean=1.0, std=std)
            nn.init.zeros_(layer.bias)


class DCGAN(nn.Module):
    """The pair of networks, their two losses and their alternating steps."""

    panels: ClassVar[Panels] = {
        "loss (nats)": ("loss_D", "loss_G"),
        "D's belief": ("D_real", "D_fake"),
    }

    def __init__(self, config: Config, spec: Spec) -> None:
        """Raises: ValueError for images that are not square or below 8 pixels."""
        super().__init__()
        at_least(1, z_dim=config.z_dim, width=config.width, lr_steps=config.lr_steps)
        at_least(0, init_std=config.init_std)
        self.config, self.spec = config, Spec(spec.shape)
        self.G = Generator(config.z_dim, config.width, spec.shape)
        self.D = Discriminator(config.width, config.leak, spec.shape)
        initialise(self, config.init_std)
        betas = (config.beta1, 0.999)
        self.opt_G = Adam(self.G.parameters(), lr=config.lr_G, betas=betas, fused=True)
        self.opt_D = Adam(self.D.parameters(), lr=config.lr_D, betas=betas, fused=True)
        self.optimizers: dict[str, Optimizer] = {"G": self.opt_G, "D": self.opt_D}

    def training_step(self, batch: Batch, step: int, minimize: Minimize) -> dict[str, Tensor]:
        c, x = self.config, batch.x
        z = torch.rand(len(x), c.z_dim, device=x.device) * 2 - 1
        x_fake = self.G(z)

        logit_real, logit_fake = self.D(x), self.D(x_fake.detach())
        # softplus(-l) = -log sigmoid(l): Eq. 1 of arXiv:1406.2661 on logits.
        loss_D = F.softplus(-logit_real).mean() + F.softplus(logit_fake).mean()
        minimize(loss_D, self.opt_D, lr=learning_rate(c.lr_D, step, c.lr_steps))

        loss_G = F.softplus(-self.D(x_fake)).mean()
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
        return self.G(z)

    def published_state(self) -> dict[str, Tensor]:
        return {f"G.{name}": value for name, value in self.G.state_dict().items()}
