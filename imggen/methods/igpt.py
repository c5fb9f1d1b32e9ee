r"""Image GPT: a causal transformer that writes an image patch by patch.

Mark Chen, Alec Radford, Rewon Child, Jeffrey Wu, Heewoo Jun, David Luan, Ilya Sutskever:
*Generative Pretraining from Pixels*, ICML 2020,
[paper](https://proceedings.mlr.press/v119/chen20s.html). Its transformer is that of Vaswani et al.
2017 ([arXiv:1706.03762](https://arxiv.org/abs/1706.03762)), made to see only what was written
before, as in sparse transformers (Child et al. 2019,
[arXiv:1904.10509](https://arxiv.org/abs/1904.10509)).

An image is read as a sequence of symbols \(x_1, \dots, x_n\) from few: in raster order, each the
pattern of a small patch of black and white pixels. By the chain rule its probability is a product
without any approximation (section 2.1), and the network learns each factor by maximum likelihood:

$$
p_\theta(x) = \prod_{i=1}^{n} p_\theta(x_i \mid x_1, \dots, x_{i-1}), \qquad
L = \mathbb{E}_x \big[ -\log p_\theta(x) \big]
$$

All factors of a training image come from one pass, since attention is masked: no place sees itself
or a later one. A sample is written symbol by symbol, each drawn with a uniform number of its own.
Whoever has the first rows of an image can have the rest written.

## Departures from the paper

- Patterns of a patch of binary pixels are the symbols: of 2 x 2 pixels 16, so that 28 x 28 pixels
  are 196 tokens; of 2 x 4 pixels 256, and 98 tokens cost less than half. The paper's are single
  pixels of 512 colours at 32 x 32 to 64 x 64. A pattern is one choice: no independence of its
  pixels is assumed.
- Grey levels are read as probabilities and drawn anew to 0 or 1 at every step.
- What is learnt is the distribution of images; the paper is about the features that come with it,
  and also tries to fill in masked pixels (BERT).
- Labels, if asked for, are added to each token, and left out now and then (Ho and Salimans 2022,
  [arXiv:2207.12598](https://arxiv.org/abs/2207.12598)). The likelihood is always that without.
- A network of under a million weights.
- Samples and likelihoods use an exponential moving average of the weights, kept by the loop.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from imggen.methods import Batch, Minimize, Panels, Spec
from imggen.nn.autoregression import TokenTransformer
from imggen.nn.binary import refuse_grey
from imggen.nn.blocks import at_least, flat_size, to_unit
from imggen.nn.guidance import drop_labels, labelled, refuse_share, refuse_unlearnt
from imggen.nn.schedules import warm_cosine

MOST_BITS = 12
"""Of a symbol: more would be a table of more symbols than there are images to learn them from."""
IMAGES = 50
"""Whose likelihood is taken at a time."""


@dataclass(frozen=True)
class Config:
    """Settings for digits on two cores; the paper's networks have up to 6.8 billion weights."""

    conditional: bool = False
    """Use labels, where the data have them. Off: neither training nor sampling sees them."""
    label_dropout: float = 0.1
    """Share of the images whose label is left out (Ho and Salimans 2022: .1 to .2)."""
    patch: tuple[int, int] = (2, 2)
    """Height and width of a patch in pixels; its pattern is a token (paper: 1 x 1, in colour)."""
    width: int = 128
    """Channels of the tokens (section 3.3: 512 to 3,072)."""
    depth: int = 4
    """Blocks of the transformer (section 3.3: 24 to 60)."""
    heads: int = 4
    """Heads of its attention."""
    lr: float = 1e-3
    """Adam's learning rate after the warm-up."""
    lr_steps: int | None = None
    """Steps over which the rate falls to 0 on half a cosine. None keeps it."""
    warmup: int = 500
    """Steps over which the rate rises."""

    @classmethod
    def tiny(cls) -> Config:
        """The smallest instance, for tests."""
        return replace(cls(width=8, depth=1, heads=2), lr=2e-2, warmup=1)


@dataclass(frozen=True)
class Sampler:
    """How each token is drawn."""

    temperature: float = 1.0
    """What logits are divided by: 1 draws from the model, below 1 likelier tokens more often."""
    guidance: float = 1.0
    """Scale of classifier-free guidance of logits: 1 is without. It costs a second pass."""


class ImageGPT(nn.Module):
    """The transformer, its exact likelihood, samples, and images completed."""

    panels: ClassVar[Panels] = {"nats per image": ("nll",)}

    likelihood_note: ClassVar[str] = "pixels binarised once, seed 0; exact, by the chain rule"

    def __init__(self, config: Config, spec: Spec) -> None:
        super().__init__()
        c = config
        at_least(1, patch=min(c.patch), lr_steps=c.lr_steps, warmup=c.warmup)
        channels, height, breadth = spec.shape
        high, wide = c.patch
        if height % high or breadth % wide:
            raise ValueError(
                f"a patch of {high} rows of {wide} pixels must divide both sides, and these are "
                f"{height} rows of {breadth}"
            )
        bits = channels * high * wide
        if bits > MOST_BITS:
            raise ValueError(
                f"patches of {bits} pixels and channels would make 2^{bits} symbols, where "
                f"2^{MOST_BITS} is the most"
            )
        if c.conditional and not spec.classes:
            raise ValueError("it needs labels, and these images have none (or conditional off)")
        refuse_share(c.label_dropout)
        if c.conditional and not c.label_dropout:
            raise ValueError("label_dropout is 0, and the likelihood is that without a label")
        self.config, self.spec = c, Spec(spec.shape, spec.classes if c.conditional else 0)
        self.rows, self.columns = height // high, breadth // wide
        self.length, self.row_step = self.rows * self.columns, high
        sizes = (2**bits, self.length, c.width, c.depth, c.heads)
        self.network = TokenTransformer(*sizes, classes=self.spec.classes)
        self.opt = Adam(self.network.parameters(), lr=c.lr, betas=(0.9, 0.95), fused=True)
        self.optimizers: dict[str, Optimizer] = {"network": self.opt}

    def tokens(self, x: Tensor) -> Tensor:
        """Binary images (N, C, H, W) of 0 and 1 -> patterns of their patches (N, L), row by row."""
        high, wide = self.config.patch
        cut = x.unflatten(3, (-1, wide)).unflatten(2, (-1, high))  # N, C, row, high, column, wide
        bits = cut.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2).long()
        return (bits << torch.arange(bits.shape[2], device=x.device)).sum(dim=2)

    def images(self, tokens: Tensor) -> Tensor:
        """Patterns (N, L) -> images (N, C, H, W) of -1 and 1."""
        patch = (self.spec.shape[0], *self.config.patch)
        places = torch.arange(flat_size(patch), device=tokens.device)
        bits = (tokens[:, :, None] >> places) & 1
        cut = bits.unflatten(2, patch).unflatten(1, (self.rows, self.columns))
        return 2.0 * cut.permute(0, 3, 1, 4, 2, 5).flatten(4).flatten(2, 3) - 1

    def training_step(self, batch: Batch, step: int, minimize: Minimize) -> dict[str, Tensor]:
        c = self.config
        tokens = self.tokens(torch.bernoulli(to_unit(batch.x)))
        y = drop_labels(batch.y, c.label_dropout, self.spec.classes)
        loss = -self.network.log_prob(tokens, y).mean()  # of a token
        minimize(loss, self.opt, lr=warm_cosine(c.lr, step, c.lr_steps, c.warmup))
        return {"nll": self.length * loss}

    def latents(self, n: int, generator: torch.Generator) -> Tensor:
        """A uniform number for each token, (n, L)."""
        return torch.rand(n, self.length, generator=generator)

    @torch.no_grad()
    def sample(self, z: Tensor, y: Tensor | None = None, sampler: Sampler | None = None) -> Tensor:
        """Images of -1 and 1. Raises: ValueError for a temperature of 0 or below."""
        return self.images(self.written(z, y, sampler, None))

    @torch.no_grad()
    def complete(
        self,
        x: Tensor,
        rows: int,
        z: Tensor,
        y: Tensor | None = None,
        sampler: Sampler | None = None,
    ) -> Tensor:
        """The first rows of `x`, black and white by the nearer one, and what may follow.

        Raises: ValueError for rows that end within a patch or outside the image.
        """
        high, height = self.config.patch[0], self.spec.shape[1]
        if rows % high or not 0 <= rows <= height:
            raise ValueError(f"rows is {rows}, and must be a multiple of {high} up to {height}")
        first = self.tokens((x > 0).float())[:, : rows // high * self.columns]
        return self.images(self.written(z, y, sampler, first))

    def written(
        self, z: Tensor, y: Tensor | None, sampler: Sampler | None, first: Tensor | None
    ) -> Tensor:
        """Tokens (N, L), the `first` ones (N, k) given, each other one drawn by its uniform."""
        s, y = sampler or Sampler(), labelled(y, self.spec.classes)
        refuse_unlearnt(s.guidance, self.spec.classes, self.config.label_dropout)
        return self.network.draw(z, y, temperature=s.temperature, guidance=s.guidance, first=first)

    def log_likelihood(self, x: Tensor) -> Tensor:
        """log p(x) in nats, exact and without label: binary (N, C, H, W) of 0 and 1 -> (N,).

        Raises: ValueError for grey levels.
        """
        refuse_grey(x)
        parts = [self.network.log_prob(part).sum(dim=1) for part in self.tokens(x).split(IMAGES)]
        return torch.cat(parts)

    def surprisals(self, x: Tensor) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] -> nats of each patch given those before it, (N, h, w)."""
        nats = -self.network.log_prob(self.tokens((x > 0).float()))
        return nats.unflatten(1, (self.rows, self.columns))

    def likelihood(self, x: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """Grey levels (N, C, H, W) in [-1, 1] are drawn to 0 or 1 once -> (N,).

        The same draw as the auto-encoders': the same binary images are scored.
        """
        binary = torch.bernoulli(to_unit(x).flatten(1), generator=generator).view(x.shape)
        return {"nll_nats": -self.log_likelihood(binary)}

    def published_state(self) -> dict[str, Tensor]:
        return dict(self.state_dict())
