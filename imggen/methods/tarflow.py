r"""TarFlow: a flow whose every block is a causal transformer.

Shuangfei Zhai, Ruixiang Zhang, Preetum Nakkiran, David Berthelot, Jiatao Gu, Huangjie Zheng,
Tianrong Chen, Miguel Angel Bautista, Navdeep Jaitly, Josh Susskind: *Normalizing Flows are Capable
Generative Models*, ICML 2025, [arXiv:2412.06329](https://arxiv.org/abs/2412.06329).

An image is cut into patches \(x_1, \dots, x_T\). A transformer that sees only the patches before
\(i\) says how patch \(i\) is shifted and scaled; the first stays as it is (section 2.2):

$$
z_i = \big(x_i - \mu_i(x_{<i})\big) \odot e^{-\alpha_i(x_{<i})}, \qquad
x_i = z_i \odot e^{\alpha_i(x_{<i})} + \mu_i(x_{<i})
$$

Forward all patches are mapped at once; backward one follows the other. The Jacobian is triangular,
so its log-determinant is \(-\sum \alpha\). Blocks that read the patches in turn from the
first and from the last are composed, and the likelihood of a standard normal at the end is
maximised. Per dimension, up to a constant, the loss is

$$
L = \mathbb{E}_x \Big[ \tfrac12 \overline{z^2} + \overline{\textstyle\sum_b \alpha^{(b)}} \Big]
$$

Three things make its samples good. Images are learnt with Gaussian noise of deviation σ, which
fills the space between grey levels (section 2.4). What is drawn then has this noise as well, and is
denoised by the model's own score, as Tweedie's formula says (section 2.5):

$$
\hat{x} = y + \sigma^2 \, \nabla_y \log p(y)
$$

And with labels, of which some are left out in training, \(\mu\) and \(\alpha\) are guided
(section 2.6), more so the later a patch comes: at patch \(i\) of \(0 \dots T - 1\)
\(\mu + (s - 1) \frac{i}{T - 1} (\mu - \mu_\text{none})\), likewise \(\alpha\).

With `noise` 0 grey levels are dequantised uniformly in its place, so that the likelihood is one of
8-bit images (section 3.2), and nothing is denoised.

## Departures from the paper

- 4 blocks of 2 layers and 96 channels; the paper has 8 blocks of 8 layers and 768 channels or
  more.
- \(\alpha\) is bounded by `scale_bound`, smoothly; in the paper it is free.
- Of a label left out a vector of its own is learnt, where the paper's code takes the mean of all.
- Adam without weight decay.
- Samples and likelihoods use an exponential moving average of the weights, kept by the loop.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from imggen.methods import Batch, Minimize, Panels, Shape, Spec
from imggen.nn.autoregression import Cache
from imggen.nn.blocks import above_zero, at_least, flat_size
from imggen.nn.dequantisation import NOTE, bits_per_dim, dequantise, level_of, uniform_like
from imggen.nn.guidance import drop_labels, labelled, refuse_share, refuse_unlearnt
from imggen.nn.schedules import warm_cosine
from imggen.nn.transformer import Block, patchify, unpatchify, zero

IMAGES = 500
"""Mapped at a time, where nothing is learnt."""


@dataclass(frozen=True)
class Config:
    """Settings for digits on two cores; the paper's are for photos."""

    conditional: bool = True
    """Use labels, where the data have them. Off: neither training nor sampling sees them."""
    noise: float = 0.1
    """Deviation of the Gaussian noise on images in [-1, 1] (section 2.4); 0 dequantises."""
    patch: int = 4
    """Side of a patch, in pixels; it divides both sides of the image."""
    width: int = 96
    """Channels of a token."""
    blocks: int = 4
    """Blocks T, each of which maps all patches (section 2.2)."""
    layers: int = 2
    """Layers of attention K in each block."""
    heads: int = 3
    """Heads of the attention."""
    scale_bound: float = 4.0
    """Log-scales α of a block lie between minus this and this."""
    label_dropout: float = 0.1
    """Share of the images whose label is left out (section 2.6)."""
    lr: float = 1e-3
    """Adam's learning rate after the warm-up."""
    beta2: float = 0.95
    """Decay of Adam's second moments (the paper's code)."""
    lr_steps: int | None = None
    """Steps of the whole training, over which the rate falls to 0. None keeps it."""
    warmup: int = 500
    """Steps over which the rate rises."""

    @classmethod
    def tiny(cls) -> Config:
        """The smallest instance, for tests."""
        return cls(width=8, blocks=2, layers=1, heads=2, lr=1e-2, warmup=1)


@dataclass(frozen=True)
class Sampler:
    """How images are drawn."""

    guidance: float = 1.0
    """Scale of guidance at the last patch: 1 is without, and the first has none (section 2.6)."""
    denoise: bool = True
    """Take the noise away at the end, where it was trained with noise (section 2.5)."""


class CausalMap(nn.Module):
    """One block: patches (N, T, d) and labels (N,) or None -> z (N, T, d), α (N, T, d)."""

    def __init__(self, length: int, size: int, c: Config, classes: int, *, flip: bool) -> None:
        super().__init__()
        self.flip, self.length, self.bound = flip, length, c.scale_bound
        self.first = nn.Linear(size, c.width)
        self.positions = nn.Parameter(0.01 * torch.randn(length, c.width))
        self.label = nn.Embedding(classes + 1, c.width) if classes else None
        self.layers = nn.ModuleList(Block(c.width, c.heads, causal=True) for _ in range(c.layers))
        self.last = zero(nn.Linear(c.width, 2 * size))

    def tokens(self, x: Tensor, start: int, y: Tensor | None) -> Tensor:
        """Patches from place `start` on (N, n, d) -> tokens (N, n, width)."""
        h = self.first(x) + self.positions[start : start + x.shape[1]]
        return h if self.label is None or y is None else h + self.label(y)[:, None]

    def numbers(self, h: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens (N, n, width) -> μ and α, bounded, of the patches that come next."""
        mu, raw = self.last(h).chunk(2, dim=2)
        return mu, self.bound * (raw / self.bound).tanh()

    def forward(self, x: Tensor, y: Tensor | None) -> tuple[Tensor, Tensor]:
        x = x.flip(1) if self.flip else x
        h = self.tokens(x[:, :-1], 0, y)
        for layer in self.layers:
            h = layer(h)
        # What a token says is of the next patch. The first stays as it is.
        mu, alpha = (nn.functional.pad(part, (0, 0, 1, 0)) for part in self.numbers(h))
        z = (x - mu) * (-alpha).exp()
        return (z.flip(1) if self.flip else z), alpha

    @torch.no_grad()
    def inverse(self, z: Tensor, y: Tensor | None, guidance: float, none: int) -> Tensor:
        """Patches from z, one after the other; `none` is the label of no label."""
        z = z.flip(1) if self.flip else z
        cache, twice = Cache(self.layers, self.length - 1), guidance != 1
        if twice and y is not None:
            y = torch.cat([y, torch.full_like(y, none)])
        x = [z[:, :1]]
        for at in range(1, self.length):
            before = torch.cat([x[-1], x[-1]]) if twice else x[-1]
            mu, alpha = self.numbers(cache(self.tokens(before, at - 1, y)))
            if twice:
                scale = 1 + (guidance - 1) * at / (self.length - 1)
                mu, alpha = (b + scale * (a - b) for a, b in (v.chunk(2) for v in (mu, alpha)))
            x.append(z[:, at : at + 1] * alpha.exp() + mu)
        joined = torch.cat(x, dim=1)
        return joined.flip(1) if self.flip else joined


class Flow(nn.Module):
    """All blocks: images (N, C, H, W) -> z (N, C·H·W) and log-determinants (N,), and back."""

    def __init__(self, shape: Shape, c: Config, classes: int) -> None:
        super().__init__()
        channels, height, width = shape
        self.patch, self.rows, self.size = c.patch, height // c.patch, channels * c.patch**2
        self.classes, length = classes, self.rows * (width // c.patch)
        self.blocks = nn.ModuleList(
            CausalMap(length, self.size, c, classes, flip=number % 2 == 1)
            for number in range(c.blocks)
        )

    def forward(
        self, x: Tensor, y: Tensor | None = None, *, inverse: bool = False, guidance: float = 1.0
    ) -> tuple[Tensor, Tensor]:
        logdet = x.new_zeros(len(x))
        if inverse:
            h = x.unflatten(1, (-1, self.size))
            maps = [block for block in self.blocks if isinstance(block, CausalMap)]
            for each in reversed(maps):
                h = each.inverse(h, y, guidance, self.classes)
            return unpatchify(h, self.patch, self.rows), logdet
        h = patchify(x, self.patch)
        for block in self.blocks:
            h, alpha = block(h, y)
            logdet = logdet - alpha.sum(dim=(1, 2))
        return h.flatten(1), logdet


class TarFlow(nn.Module):
    """The flow, its likelihood, and samples that are guided and denoised."""

    panels: ClassVar[Panels] = {"nats per dimension, up to a constant": ("loss",)}

    likelihood_note: ClassVar[str] = NOTE

    def __init__(self, config: Config, spec: Spec) -> None:
        super().__init__()
        c, (_, height, width) = config, spec.shape
        at_least(1, patch=c.patch, width=c.width, blocks=c.blocks, layers=c.layers, heads=c.heads)
        at_least(1, lr_steps=c.lr_steps, warmup=c.warmup)
        at_least(0, noise=c.noise)
        if height % c.patch or width % c.patch:
            raise ValueError(f"patch is {c.patch}, and must divide both sides of {width}x{height}")
        if height * width <= c.patch**2:
            raise ValueError(f"patch is {c.patch}, and one alone has none before it")
        if c.width % c.heads:
            raise ValueError(f"width is {c.width}, and must be a multiple of {c.heads} heads")
        above_zero(scale_bound=c.scale_bound)
        refuse_share(c.label_dropout)
        if c.conditional and not spec.classes:
            raise ValueError("it needs labels, and these images have none (or conditional off)")
        self.config, self.spec = c, Spec(spec.shape, spec.classes if c.conditional else 0)
        self.flow = Flow(spec.shape, c, self.spec.classes)
        self.opt = Adam(self.parameters(), lr=c.lr, betas=(0.9, c.beta2), fused=True)
        self.optimizers: dict[str, Optimizer] = {"flow": self.opt}

    def log_density(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """log p(x | y) of points (N, C, H, W), in nats, in float32: (N,)."""
        with torch.autocast(x.device.type, enabled=False):
            z, logdet = self.flow(x, y)
            return logdet - 0.5 * (z.square() + math.log(2 * math.pi)).sum(dim=1)

    def training_step(self, batch: Batch, step: int, minimize: Minimize) -> dict[str, Tensor]:
        c, x = self.config, batch.x
        x = x + c.noise * torch.randn_like(x) if c.noise else dequantise(x, uniform_like(x))
        y = drop_labels(batch.y, c.label_dropout, self.spec.classes)
        nats = -self.log_density(x, y).mean() / flat_size(self.spec.shape)
        loss = nats - 0.5 * math.log(2 * math.pi)
        minimize(loss, self.opt, lr=warm_cosine(c.lr, step, c.lr_steps, c.warmup))
        return {"loss": loss}

    def latents(self, n: int, generator: torch.Generator) -> Tensor:
        """Vectors (n, C·H·W): patch by patch."""
        return torch.randn(n, flat_size(self.spec.shape), generator=generator)

    def sample(self, z: Tensor, y: Tensor | None = None, sampler: Sampler | None = None) -> Tensor:
        """Raises: ValueError without labels where they are needed, or for guidance without any."""
        s, c, y = sampler or Sampler(), self.config, labelled(y, self.spec.classes)
        refuse_unlearnt(s.guidance, self.spec.classes, c.label_dropout)
        with torch.autocast(z.device.type, enabled=False):
            x = self.flow(z, y, inverse=True, guidance=s.guidance)[0]
        if not c.noise:
            return level_of(x)
        return (self.denoised(x, y) if s.denoise else x).clamp(-1, 1)

    def denoised(self, x: Tensor, y: Tensor | None) -> Tensor:
        """Tweedie's formula: x + σ² ∇ log p(x) (section 2.5)."""
        # Whoever draws images has switched gradients off.
        with torch.inference_mode(False), torch.enable_grad():
            at, y = x.clone().requires_grad_(), None if y is None else y.clone()
            # A copy again: torch can't count the FLOPs of a network that is given a leaf.
            (score,) = torch.autograd.grad(self.log_density(at.clone(), y).sum(), at)
        return x + self.config.noise**2 * score

    def encode(self, x: Tensor) -> Tensor:
        """Images (N, C, H, W) in [-1, 1], without a label -> (N, C·H·W)."""
        x = x if self.config.noise else dequantise(x)
        return torch.cat([self.flow(part, self._none(part))[0] for part in x.split(IMAGES)])

    def _none(self, x: Tensor) -> Tensor | None:
        classes = self.spec.classes
        return torch.full((len(x),), classes, device=x.device) if classes else None

    def likelihood(self, x: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """Grey levels (N, C, H, W) in [-1, 1], with noise from the generator -> (N,).

        Of a conditional flow that of an image with all labels as likely. Nothing after a training
        with Gaussian noise: its density is not one of grey levels.
        """
        if self.config.noise:
            return {}
        x = dequantise(x, uniform_like(x, generator))
        found = torch.cat([self._any_label(part) for part in x.split(IMAGES)])
        return {"bits_per_dim": bits_per_dim(found, flat_size(self.spec.shape))}

    def _any_label(self, x: Tensor) -> Tensor:
        if not self.spec.classes:
            return self.log_density(x)
        labels = range(self.spec.classes)
        each = [self.log_density(x, x.new_full((len(x),), y, dtype=torch.long)) for y in labels]
        return torch.stack(each).logsumexp(dim=0) - math.log(self.spec.classes)

    def published_state(self) -> dict[str, Tensor]:
        return {f"flow.{name}": value for name, value in self.flow.state_dict().items()}
