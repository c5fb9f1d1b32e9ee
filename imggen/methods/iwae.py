r"""Importance weighted auto-encoder.

Yuri Burda, Roger Grosse, Ruslan Salakhutdinov: *Importance Weighted Autoencoders*, ICLR 2016,
[arXiv:1509.00519](https://arxiv.org/abs/1509.00519).

A [VAE](vae.md) is paid for one latent an image, and every latent that explains the image badly
costs it. Here \(k\) latents are drawn, and only the mean of what they say counts (Eq. 8):

$$
\mathcal{L}_k(x) = \mathbb{E}_{z_1 \dots z_k \sim q_\phi(z \mid x)} \Big[ \log \frac{1}{k}
\sum_{i=1}^{k} w_i \Big], \qquad
w_i = \frac{p_\theta(x \mid z_i)\, p(z_i)}{q_\phi(z_i \mid x)}
$$

\(\mathcal{L}_1\) is the ELBO, more latents never loosen the bound, and with ever more of them it
reaches the likelihood (Theorem 1):

$$
\log p_\theta(x) \;\ge\; \mathcal{L}_{k+1} \;\ge\; \mathcal{L}_k
$$

So the encoder may propose a broader Gaussian, some draws of which explain nothing, and more of the
latents stay in use (section 5.2).

The gradient is that of the estimate: each latent is written as \(z_i = \mu + \sigma \odot
\epsilon_i\), and its share of the gradient is its normalised weight \(w_i / \sum_j w_j\) (Eq. 14).

## Departures from the paper

- A learning rate that falls along half a cosine, where the paper's falls in eight stages over 3,280
  epochs (section 5).
- `hidden` and `activation` are free, so that a VAE of the same networks can stand beside it; the
  defaults are the paper's of one stochastic layer. Models of two stochastic layers are left out.
- Weights start as PyTorch's layers do, where the paper takes Glorot's rule.
- Sampling and likelihoods use an exponential moving average of the weights, kept by the loop.
- Likelihoods of record take 1,000 latents an image, the paper's 5,000 (section 5.1).
- Sampled images show the decoder's probabilities, not draws of 0 and 1 from them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from imggen.methods import Batch, Minimize, Panels, Spec
from imggen.methods.vae import bernoulli_log_likelihood, kl_to_standard_normal
from imggen.nn.binary import refuse_grey
from imggen.nn.blocks import at_least, flat_size, mlp, to_unit

IMPORTANCE_SAMPLES = 1000
"""Per image, in `IWAE.likelihood`."""
IMAGES, DRAWS = 50, 20
"""Decoded at a time: 1,000 images of 784 pixels stay in the processor's cache."""


@dataclass(frozen=True)
class Config:
    """Settings of section 5, one stochastic layer."""

    samples: int = 5
    """k, the latents drawn for each image in training (Table 1: 1, 5 and 50). 1 is the VAE."""
    z_dim: int = 50
    """Dimension of the latent z, standard normal (section 5: 50)."""
    hidden: tuple[int, ...] = (200, 200)
    """Units of the hidden layers of the encoder; the decoder mirrors them (section 5)."""
    activation: Literal["tanh", "relu", "softplus", "silu"] = "tanh"
    """Non-linearity of the hidden layers (section 5: tanh)."""
    lr: float = 1e-3
    """Adam's learning rate at the start (section 5)."""
    lr_final: float = 1e-4
    """Learning rate that a half cosine reaches after `lr_steps` (section 5: its last stage)."""
    lr_steps: int = 1
    """Steps over which the learning rate falls from `lr` to `lr_final`."""
    adam_eps: float = 1e-4
    """What keeps Adam's denominator from 0 (section 5)."""

    @classmethod
    def tiny(cls) -> Config:
        """The smallest instance, for tests."""
        return cls(samples=3, z_dim=2, hidden=(8,), lr_final=1e-3)


def log_mean_weight(log_w: Tensor) -> Tensor:
    """The estimate of log p(x) from log weights (k, N) -> (N,): Eq. 8, without overflow."""
    return torch.logsumexp(log_w, dim=0) - math.log(len(log_w))


class IWAE(nn.Module):
    """Encoder, decoder, and the bound of k latents."""

    panels: ClassVar[Panels] = {
        "nats per image": ("bound", "elbo"),
        "KL (nats)": ("kl",),
        "latents that count, of k": ("effective_samples",),
    }

    likelihood_note: ClassVar[str] = (
        f"pixels binarised once, seed 0; {IMPORTANCE_SAMPLES} importance samples an image, one "
        "latent an image for the ELBO"
    )

    def __init__(self, config: Config, spec: Spec) -> None:
        super().__init__()
        at_least(1, z_dim=config.z_dim, hidden=min(config.hidden, default=1))
        at_least(1, samples=config.samples, lr_steps=config.lr_steps)
        self.config, self.spec = config, Spec(spec.shape)
        pixels = flat_size(spec.shape)
        self.encoder = mlp((pixels, *config.hidden, 2 * config.z_dim), config.activation)
        self.decoder = mlp((config.z_dim, *reversed(config.hidden), pixels), config.activation)
        self.opt = Adam(self.parameters(), lr=config.lr, eps=config.adam_eps, fused=True)
        self.optimizers: dict[str, Optimizer] = {"iwae": self.opt}

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Pixels (N, C·H·W) in [0, 1] -> mu, logvar of q(z | x), each (N, z_dim)."""
        mu, logvar = self.encoder(x).chunk(2, dim=1)
        return mu, logvar

    def log_weights(self, x: Tensor, mu: Tensor, logvar: Tensor, noise: Tensor) -> Tensor:
        """log p(x | z) p(z) / q(z | x) of binary x (N, C·H·W), for noise (k, N, z_dim): (k, N)."""
        z = mu + (0.5 * logvar).exp() * noise
        # log p(z) - log q(z | x): the constants cancel.
        log_ratio = 0.5 * (noise.square() - z.square() + logvar).sum(dim=2)
        return bernoulli_log_likelihood(x, self.decoder(z)) + log_ratio

    def training_step(self, batch: Batch, step: int, minimize: Minimize) -> dict[str, Tensor]:
        x = torch.bernoulli(to_unit(batch.x).flatten(1))
        mu, logvar = self.posterior(x)
        noise = torch.randn(self.config.samples, *mu.shape, device=mu.device)
        log_w = self.log_weights(x, mu, logvar, noise)
        bound = log_mean_weight(log_w).mean()

        minimize(-bound, self.opt, lr=self.learning_rate(step))
        shares = log_w.detach().softmax(dim=0)
        return {
            "bound": bound,
            "elbo": log_w.mean(),
            "kl": kl_to_standard_normal(mu, logvar).mean(),
            "effective_samples": (1 / shares.square().sum(dim=0)).mean(),
        }

    def learning_rate(self, step: int) -> float:
        """Half cosine from `lr` at step 0 to `lr_final` at `lr_steps`, constant afterwards."""
        c = self.config
        progress = min(step / c.lr_steps, 1.0)
        return c.lr_final + (c.lr - c.lr_final) * 0.5 * (1 + math.cos(math.pi * progress))

    def latents(self, n: int, generator: torch.Generator) -> Tensor:
        return torch.randn(n, self.config.z_dim, generator=generator)

    def sample(self, z: Tensor, y: Tensor | None = None, sampler: None = None) -> Tensor:
        """The decoder's probabilities as images (N, C, H, W) in [-1, 1]."""
        return self.decoder(z).sigmoid().view(-1, *self.spec.shape) * 2 - 1

    def encode(self, x: Tensor) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] -> mean latents (N, z_dim)."""
        return self.posterior(to_unit(x).flatten(1))[0]

    def reconstruct(self, x: Tensor) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] -> decoded mean latents, same shape and range."""
        return self.sample(self.encode(x))

    def likelihood(self, x: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """Grey levels (N, C, H, W) in [-1, 1] are drawn to 0 or 1 once -> (N,) each.

        The importance estimate overstates the negative log-likelihood on average (Theorem 1).
        """
        x = torch.bernoulli(to_unit(x).flatten(1), generator=generator)
        bound = torch.cat([self.log_likelihood(part, generator, 1, 1) for part in x.split(1000)])
        estimate = torch.cat(
            [
                self.log_likelihood(part, generator, IMPORTANCE_SAMPLES, DRAWS)
                for part in x.split(IMAGES)
            ]
        )
        return {"nll_nats": -estimate, "elbo_nats": -bound}

    def log_likelihood(
        self, x: Tensor, generator: torch.Generator, n_importance: int, block: int
    ) -> Tensor:
        """Eq. 8 with many latents: binary x (N, C·H·W) -> (N,), in nats.

        `block` latents an image are decoded at a time.

        Raises: ValueError for grey levels.
        """
        refuse_grey(x)
        mu, logvar = self.posterior(x)
        log_w = []
        for start in range(0, n_importance, block):
            shape = (min(block, n_importance - start), *mu.shape)
            noise = torch.randn(shape, generator=generator).to(mu.device)
            log_w.append(self.log_weights(x, mu, logvar, noise))
        return log_mean_weight(torch.cat(log_w))

    def published_state(self) -> dict[str, Tensor]:
        return dict(self.state_dict())
