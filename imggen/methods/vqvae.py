r"""VQ-VAE: images as short texts in a learnt alphabet, and a transformer that writes them.

Aaron van den Oord, Oriol Vinyals, Koray Kavukcuoglu: *Neural Discrete Representation Learning*,
NeurIPS 2017, [arXiv:1711.00937](https://arxiv.org/abs/1711.00937).

An encoder gives each place of a small map a vector \(z_e\); the nearest of \(K\) codes \(e_k\)
takes its place, and a decoder gives the image back (Eq. 1 and 2). Choosing has no slope, so the
decoder's gradient is handed to the encoder as if nothing had been rounded, \(z_q = z_e +
\operatorname{sg}[e_k - z_e]\), and a second term keeps the encoder near the codes that it chose
(Eq. 3, \(\operatorname{sg}\) stops gradients):

$$
L_1 = \tfrac{1}{n_x} \| x - D(z_q) \|^2 +
\beta\, \tfrac{1}{n_z} \| z_e - \operatorname{sg}[e_k] \|^2,
\qquad k = \arg\min_j \| z_e - e_j \|
$$

Codes are no weights but moving averages of the vectors that chose them (appendix A.1), with
\(n_i\) of a batch choosing code \(i\):

$$
N_i \leftarrow \gamma N_i + (1 - \gamma)\, n_i, \qquad
m_i \leftarrow \gamma m_i + (1 - \gamma) \sum_{k(z) = i} z, \qquad e_i = m_i / N_i
$$

Then all of it stays as it is, and a prior learns the texts, code by code (section 3.3):

$$
L_2 = \mathbb{E}_x \Big[ - \tfrac{1}{n} \sum_{i=1}^n
\log p_\theta(k_i \mid k_1, \dots, k_{i-1}, y) \Big]
$$

Sampling writes a text, each code with a uniform number of its own, and decodes it once.

## Departures from the paper

- The prior is a causal transformer, where the paper has a PixelCNN; labels are added to each token
  and left out now and then, so that `Sampler.guidance` above 1 may ask for more of them (Ho and
  Salimans 2022, [arXiv:2207.12598](https://arxiv.org/abs/2207.12598)).
- The moving averages of appendix A.1 move the codes, not the second term of Eq. 3. They are written
  as steps of gradient descent, so that several processes agree on them like on all weights.
- A code that is chosen too seldom is put on a vector of the batch (as Dhariwal et al. 2020 do,
  [arXiv:2005.00341](https://arxiv.org/abs/2005.00341)), at the first step every code. Of several
  processes each offers a vector, and the code is put between them.
- Both terms of the loss are means over pixels in [-1, 1] and over numbers of the vectors, as in the
  authors' later code, where Eq. 3 has a log-likelihood and a sum. Activations are SiLU.
- Images go through half the resolution from the start, 2 x 2 pixels folded into channels; groups of
  channels are normalised.
- Both phases are one run with a rate that rises and falls in each.
- Samples come from an exponential moving average of all weights and codes, kept by the loop.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam, Optimizer

from imggen.methods import Batch, Minimize, Panels, Shape, Spec
from imggen.nn.autoregression import TokenTransformer
from imggen.nn.blocks import at_least
from imggen.nn.codebook import CodeBook, perplexity, straight_through
from imggen.nn.guidance import drop_labels, labelled, refuse_share, refuse_unlearnt
from imggen.nn.schedules import warm_cosine
from imggen.nn.unet import norm

FACTOR = 4
"""Pixels to a code, along each side."""
LEAST_USE = 1e-3
"""Of an even use: the averages of a code that is chosen less than that vanish in half precision."""


@dataclass(frozen=True)
class Config:
    """Settings for digits on two cores; the paper's are for photos."""

    conditional: bool = True
    """Use labels, where the data have them. Off: neither training nor sampling sees them."""
    first_stage_steps: int = 4_000
    """Steps of encoder, codes and decoder; those after it are the prior's."""
    codes: int = 128
    """Entries of the code book, K (section 4.2: 512)."""
    code_dim: int = 16
    """Dimension of each."""
    filters: int = 64
    """Channels of the convolutions."""
    commitment: float = 0.25
    """Weight of the term that keeps vectors near their codes, beta (section 3.2)."""
    decay: float = 0.99
    """Of the moving averages, gamma (appendix A.1)."""
    restart_below: float = 0.1
    """A code that is chosen less than this share of an even use is put elsewhere."""
    width: int = 96
    """Channels of the prior's tokens."""
    depth: int = 4
    """Its blocks."""
    heads: int = 4
    """Heads of its attention."""
    label_dropout: float = 0.1
    """Share of the images whose label is left out (Ho and Salimans 2022: .1 to .2)."""
    lr: float = 1e-3
    """Adam's learning rate after the warm-up, in both phases."""
    lr_steps: int | None = None
    """Steps of the whole training: the rate of the prior falls to 0. None keeps it."""
    warmup: int = 300
    """Steps over which the rate rises, once in each phase."""

    @classmethod
    def tiny(cls) -> Config:
        """The smallest instance, for tests."""
        small = cls(first_stage_steps=6, codes=16, code_dim=4, filters=8, width=8, depth=1, heads=2)
        return replace(small, warmup=1, lr=2e-2)


@dataclass(frozen=True)
class Sampler:
    """How each code is drawn."""

    temperature: float = 1.0
    """What logits are divided by: 1 draws from the prior, below 1 likelier codes more often."""
    guidance: float = 1.0
    """Scale of classifier-free guidance of logits: 1 is without. It costs a second pass."""


class Residual(nn.Module):
    """Two convolutions beside a short cut (section 4.1): (N, C, H, W) -> the same."""

    def __init__(self, filters: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            norm(filters),
            nn.SiLU(),
            nn.Conv2d(filters, filters, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(filters, filters, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


def encoder(shape: Shape, filters: int, code_dim: int) -> nn.Sequential:
    """Images (N, C, H, W) -> vectors (N, D, H/4, W/4)."""
    return nn.Sequential(
        nn.PixelUnshuffle(2),
        nn.Conv2d(4 * shape[0], filters, 3, padding=1),
        nn.SiLU(),
        nn.Conv2d(filters, filters, 4, stride=2, padding=1),
        Residual(filters),
        Residual(filters),
        norm(filters),
        nn.SiLU(),
        nn.Conv2d(filters, code_dim, 1),
    )


def decoder(shape: Shape, filters: int, code_dim: int) -> nn.Sequential:
    """Vectors (N, D, H/4, W/4) -> images (N, C, H, W)."""
    return nn.Sequential(
        nn.Conv2d(code_dim, filters, 3, padding=1),
        Residual(filters),
        Residual(filters),
        norm(filters),
        nn.SiLU(),
        nn.ConvTranspose2d(filters, filters, 4, stride=2, padding=1),
        nn.SiLU(),
        nn.Conv2d(filters, 4 * shape[0], 3, padding=1),
        nn.PixelShuffle(2),
    )


class VQVAE(nn.Module):
    """Encoder, code book, decoder and prior, their two phases, and samples through both."""

    panels: ClassVar[Panels] = {
        "squared error of a pixel": ("reconstruction",),
        "squared distance to the code": ("commitment",),
        "codes": ("codes_used", "perplexity"),
        "nats of a code": ("prior",),
    }

    def __init__(self, config: Config, spec: Spec) -> None:
        super().__init__()
        c, (_, height, breadth) = config, spec.shape
        at_least(1, first_stage_steps=c.first_stage_steps, codes=c.codes, code_dim=c.code_dim)
        at_least(1, lr_steps=c.lr_steps, warmup=c.warmup, filters=c.filters)
        at_least(0, commitment=c.commitment)
        at_least(LEAST_USE, restart_below=c.restart_below)
        refuse_share(c.label_dropout)
        if not 0 < c.decay < 1:
            raise ValueError(f"decay is {c.decay}, and must be above 0 and below 1")
        if height % FACTOR or breadth % FACTOR:
            raise ValueError(f"both sides must be multiples of 4, and these are {breadth}x{height}")
        if c.lr_steps is not None and c.lr_steps <= c.first_stage_steps:
            raise ValueError(f"lr_steps is {c.lr_steps}, which leaves no step to the prior")
        if c.conditional and not spec.classes:
            raise ValueError("it needs labels, and these images have none (or conditional off)")
        self.config, self.spec = c, Spec(spec.shape, spec.classes if c.conditional else 0)
        self.map = (height // FACTOR, breadth // FACTOR)
        self.encoder = encoder(spec.shape, c.filters, c.code_dim)
        self.book = CodeBook(c.codes, c.code_dim, c.decay, c.restart_below)
        self.decoder = decoder(spec.shape, c.filters, c.code_dim)
        sizes = (c.codes, self.map[0] * self.map[1], c.width, c.depth, c.heads)
        self.prior = TokenTransformer(*sizes, classes=self.spec.classes)
        first = [*self.encoder.parameters(), *self.decoder.parameters()]
        self.opt_first = Adam(first, lr=c.lr, fused=True)
        self.opt_second = Adam(self.prior.parameters(), lr=c.lr, betas=(0.9, 0.95), fused=True)
        self.optimizers: dict[str, Optimizer] = {
            "first": self.opt_first,
            "codes": self.book.opt,
            "second": self.opt_second,
        }

    def vectors(self, x: Tensor) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] -> z_e of every place, row by row, (N, L, D)."""
        return self.encoder(x).float().flatten(2).transpose(1, 2)

    def texts(self, x: Tensor) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] -> the number of the code at every place, (N, L)."""
        z = self.vectors(x)
        return self.book.nearest(z.flatten(0, 1)).view(z.shape[:2])

    def decode(self, z_q: Tensor) -> Tensor:
        """Codes (N, L, D) -> images (N, C, H, W)."""
        return self.decoder(z_q.transpose(1, 2).unflatten(2, self.map)).float()

    def training_step(self, batch: Batch, step: int, minimize: Minimize) -> dict[str, Tensor]:
        if step < self.config.first_stage_steps:
            return self.first_stage(batch.x, step, minimize)
        return self.second_stage(batch, step, minimize)

    def first_stage(self, x: Tensor, step: int, minimize: Minimize) -> dict[str, Tensor]:
        """Encoder and decoder by their loss, codes by their averages."""
        c, z = self.config, self.vectors(x)
        flat = z.detach().flatten(0, 1)
        if step == 0 and c.codes > len(flat):
            warnings.warn(few(c.codes, len(flat)), stacklevel=2)
        index = self.book.nearest(flat)
        z_q = self.book.codes[index].view_as(z)
        reconstruction = F.mse_loss(self.decode(straight_through(z, z_q)), x)
        commitment = F.mse_loss(z, z_q)
        loss = reconstruction + c.commitment * commitment
        minimize(loss, self.opt_first, lr=warm_cosine(c.lr, step, c.first_stage_steps, c.warmup))
        minimize(self.book.loss(flat, index, anew=step == 0), self.book.opt, lr=self.book.lr)
        return {
            "reconstruction": reconstruction,
            "commitment": commitment,
            "perplexity": perplexity(index, c.codes),
            "codes_used": self.book.used(index),
        }

    def second_stage(self, batch: Batch, step: int, minimize: Minimize) -> dict[str, Tensor]:
        """The prior, by maximum likelihood of the texts."""
        c = self.config
        with torch.no_grad():
            texts = self.texts(batch.x)
        y = drop_labels(batch.y, c.label_dropout, self.spec.classes)
        loss = -self.prior.log_prob(texts, y).mean()
        begin = c.first_stage_steps
        steps = None if c.lr_steps is None else c.lr_steps - begin
        minimize(loss, self.opt_second, lr=warm_cosine(c.lr, step - begin, steps, c.warmup))
        used = self.book.used(texts.flatten())
        return {"prior": loss, "perplexity": perplexity(texts, c.codes), "codes_used": used}

    def latents(self, n: int, generator: torch.Generator) -> Tensor:
        """A uniform number for each code of a text, (n, L)."""
        return torch.rand(n, self.prior.length, generator=generator)

    @torch.no_grad()
    def sample(self, z: Tensor, y: Tensor | None = None, sampler: Sampler | None = None) -> Tensor:
        """Raises: ValueError without labels where they are needed, or temperature not above 0."""
        s, y = sampler or Sampler(), labelled(y, self.spec.classes)
        refuse_unlearnt(s.guidance, self.spec.classes, self.config.label_dropout)
        texts = self.prior.draw(z, y, temperature=s.temperature, guidance=s.guidance)
        return self.decode(self.book.codes[texts]).clamp(-1, 1)

    def encode(self, x: Tensor) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] -> their codes' vectors, one after the other, (N, L D)."""
        return self.book.codes[self.texts(x)].flatten(1)

    def reconstruct(self, x: Tensor) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] -> decoded codes, same shape and range."""
        return self.decode(self.book.codes[self.texts(x)]).clamp(-1, 1)

    def published_state(self) -> dict[str, Tensor]:
        return {name: value for name, value in self.state_dict().items() if name != "book.idle"}


def few(codes: int, vectors: int) -> str:
    """What is said of a code book that the data can't fill."""
    return (
        f"There are {codes} codes, and a batch has {vectors} vectors to choose them: many will "
        "stay unused. Ask for fewer codes, or for larger batches."
    )
