r"""Variational auto-encoder.

Diederik P. Kingma, Max Welling: *Auto-Encoding Variational Bayes*, ICLR 2014,
[arXiv:1312.6114](https://arxiv.org/abs/1312.6114).

A latent \(z \sim \mathcal{N}(0, I)\) is decoded into the pixels' probabilities; an encoder
\(q_\phi(z \mid x)\) says which latents may have produced \(x\). Both are trained to raise a lower
bound of the log-likelihood, the ELBO (Eq. 3):

$$
\log p_\theta(x) \;\ge\;
\mathbb{E}_{q_\phi(z \mid x)} \big[\log p_\theta(x \mid z)\big]
- \beta \, D_\text{KL}\big(q_\phi(z \mid x) \,\|\, p(z)\big), \qquad \beta = 1
$$

The expectation is estimated with one draw, written as \(z = \mu + \sigma \odot \epsilon\) so that
gradients reach \(\mu\) and \(\sigma\) (section 2.4); the KL of two Gaussians has a closed form
(appendix B). With \(\beta > 1\) this is the β-VAE of Higgins et al. (2017), and no longer a bound
on the likelihood that one would want to be tight.

The log-likelihood itself is estimated by importance sampling with \(K\) draws from the encoder
(Burda et al. 2015,
[arXiv:1509.00519](https://arxiv.org/abs/1509.00519), Eq. 8):

$$
\log p_\theta(x) \approx \log \frac{1}{K} \sum_{k=1}^{K}
\frac{p_\theta(x \mid z_k)\, p(z_k)}{q_\phi(z_k \mid x)}, \qquad z_k \sim q_\phi(z \mid x)
$$

## Departures from the paper

- Adam instead of Adagrad (section 5), with a learning rate that falls along a half cosine.
- `hidden` may have more than the paper's single layer of 500 units (section 5); each experiment
  says what it uses.
- Grey levels are read as probabilities and drawn anew to 0 or 1 at every step (as Burda et al. do),
  where the paper gives the decoder the grey levels themselves. It keeps the Bernoulli likelihood a
  likelihood, so that nats per image mean something.
- Samples and likelihoods use an exponential moving average of the weights, kept by the loop.
- Weights start as PyTorch's layers do and have no prior; the paper draws them from N(0, 0.01) and
  adds a small weight decay (section 5).
- Sampled images show the decoder's probabilities, not draws of 0 and 1 from them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam, Optimizer

from imggen.methods import Batch, Minimize, Panels, Spec
from imggen.nn.binary import refuse_grey
from imggen.nn.blocks import at_least, flat_size, mlp, to_unit

IMPORTANCE_SAMPLES = 1000
"""Per image, in `VAE.likelihood`. More would lower the estimate a little (arXiv:1509.00519)."""
IMAGES, DRAWS = 50, 20
"""Decoded at a time: 1,000 images of 784 pixels stay in the processor's cache."""


@dataclass(frozen=True)
class Config:
    """Settings of section 5 and appendix C."""

    z_dim: int = 20
    """Dimension of the latent z, standard normal (Figure 2 compares 3 to 200)."""
    hidden: tuple[int, ...] = (500,)
    """Units of the hidden layers of the encoder; the decoder mirrors them (section 5)."""
    activation: Literal["tanh", "relu", "softplus", "silu"] = "tanh"
    """Non-linearity of the hidden layers (appendix C: tanh)."""
    beta: float = 1.0
    """Weight of the KL term: 1 is the VAE, above 1 the β-VAE (Higgins et al. 2017)."""
    lr: float = 1e-3
    """Adam's learning rate at the start."""
    lr_final: float = 1e-3
    """Learning rate that a half cosine reaches after `lr_steps`."""
    lr_steps: int = 1
    """Steps over which the learning rate falls from `lr` to `lr_final`."""

    @classmethod
    def tiny(cls) -> Config:
        """The smallest instance, for tests."""
        return cls(z_dim=2, hidden=(8,))


def kl_to_standard_normal(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL(N(mu, exp(logvar)) || N(0, I)) per row, in nats (appendix B): (N, z_dim) -> (N,)."""
    return 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(dim=1)


def bernoulli_log_likelihood(x: Tensor, logits: Tensor) -> Tensor:
    """log p(x | logits) summed over the last dimension, for x in {0, 1}, in nats."""
    # log sigmoid(l) for x = 1 and log sigmoid(-l) for x = 0, in one expression.
    return (x * logits - F.softplus(logits)).sum(dim=-1)


class VAE(nn.Module):
    """Encoder, decoder, ELBO, and the importance-sampled log-likelihood."""

    panels: ClassVar[Panels] = {"nats per image": ("elbo", "reconstruction"), "KL (nats)": ("kl",)}

    likelihood_note: ClassVar[str] = (
        f"pixels binarised once, seed 0; {IMPORTANCE_SAMPLES} importance samples an image, one "
        "latent an image for the ELBO"
    )

    def __init__(self, config: Config, spec: Spec) -> None:
        super().__init__()
        at_least(1, z_dim=config.z_dim, hidden=min(config.hidden, default=1))
        at_least(1, lr_steps=config.lr_steps)
        self.config, self.spec = config, Spec(spec.shape)
        pixels = flat_size(spec.shape)
        self.encoder = mlp((pixels, *config.hidden, 2 * config.z_dim), config.activation)
        self.decoder = mlp((config.z_dim, *reversed(config.hidden), pixels), config.activation)
        self.opt = Adam(self.parameters(), lr=config.lr, fused=True)
        self.optimizers: dict[str, Optimizer] = {"vae": self.opt}

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Pixels (N, C·H·W) in [0, 1] -> mu, logvar of q(z | x), each (N, z_dim)."""
        mu, logvar = self.encoder(x).chunk(2, dim=1)
        return mu, logvar

    def training_step(self, batch: Batch, step: int, minimize: Minimize) -> dict[str, Tensor]:
        x = torch.bernoulli(to_unit(batch.x).flatten(1))
        mu, logvar = self.posterior(x)
        z = mu + (0.5 * logvar).exp() * torch.randn_like(mu)
        reconstruction = bernoulli_log_likelihood(x, self.decoder(z)).mean()
        kl = kl_to_standard_normal(mu, logvar).mean()

        loss = self.config.beta * kl - reconstruction
        minimize(loss, self.opt, lr=self.learning_rate(step))
        return {"elbo": reconstruction - kl, "reconstruction": reconstruction, "kl": kl}

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

        The importance estimate overstates the negative log-likelihood on average
        (arXiv:1509.00519v4, Theorem 1).
        """
        x = torch.bernoulli(to_unit(x).flatten(1), generator=generator)
        bound = torch.cat([self.elbo(part, generator) for part in x.split(1000)])
        blocks = x.split(IMAGES)
        exact = torch.cat(
            [self.log_likelihood(part, generator, IMPORTANCE_SAMPLES, DRAWS) for part in blocks]
        )
        bits = -exact / (x.shape[1] * math.log(2))
        return {"nll_nats": -exact, "elbo_nats": -bound, "bits_per_dim": bits}

    def elbo(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """ELBO with β = 1 per image, one draw of z: binary x (N, C·H·W) -> (N,), in nats.

        Raises: ValueError for grey levels.
        """
        refuse_grey(x)
        mu, logvar = self.posterior(x)
        noise = torch.randn(mu.shape, generator=generator).to(mu.device)
        z = mu + (0.5 * logvar).exp() * noise
        log_likelihood = bernoulli_log_likelihood(x, self.decoder(z))
        return log_likelihood - kl_to_standard_normal(mu, logvar)

    def log_likelihood(
        self, x: Tensor, generator: torch.Generator, n_importance: int = 5000, block: int = 250
    ) -> Tensor:
        """log p(x) per image by importance sampling (arXiv:1509.00519v4, Eq. 8).

        Binary x (N, C·H·W) -> (N,), in nats; `block` draws are decoded at a time.

        Raises: ValueError for grey levels.
        """
        refuse_grey(x)
        mu, logvar = self.posterior(x)
        std = (0.5 * logvar).exp()
        totals = []
        for start in range(0, n_importance, block):
            n = min(block, n_importance - start)
            noise = torch.randn(n, *mu.shape, generator=generator).to(mu.device)
            z = mu + std * noise
            # log p(z) - log q(z | x): the constants cancel.
            log_ratio = 0.5 * (noise.square() - z.square() + logvar).sum(dim=-1)
            totals.append(bernoulli_log_likelihood(x, self.decoder(z)) + log_ratio)
        return torch.logsumexp(torch.cat(totals), dim=0) - math.log(n_importance)

    def published_state(self) -> dict[str, Tensor]:
        return dict(self.state_dict())
