r"""Glow: a map from images to noise that can be undone.

Diederik P. Kingma, Prafulla Dhariwal: *Glow: Generative Flow with Invertible 1x1 Convolutions*,
NeurIPS 2018, [arXiv:1807.03039](https://arxiv.org/abs/1807.03039).

If \(z = f(x)\) can be undone, the density of images follows from that of \(z\), a standard normal,
and from how much \(f\) stretches space there (Eqs. 5 and 6):

$$
\log p(x) = \log \mathcal{N}\big(f(x); 0, I\big)
+ \sum_{i} \log \left| \det \frac{\partial h_i}{\partial h_{i-1}} \right|,
\qquad h_0 = x, \; h_K = f(x)
$$

Each step is built so that its determinant is easy (Table 1). A scale and a shift of each channel
and a matrix between channels (actnorm and 1x1 convolution) are the same for all \(h \cdot w\)
pixels. A coupling leaves one half of the channels as they are; a network reads them and says how
the others are scaled and shifted, so nobody ever has to undo the network:

$$
\begin{gathered}
\log \left| \det \frac{\partial\, W (s \odot (h + b))}{\partial h} \right|
= h \cdot w \cdot \big(\log |\det W| + \textstyle\sum_c \log |s_c|\big) \\
(h_a, h_b) \mapsto \big(h_a, \; e^{\alpha(h_a)} \odot (h_b + t(h_a))\big), \qquad
\log \left| \det \right| = \textstyle\sum \alpha(h_a)
\end{gathered}
$$

Squeezing turns squares of 2x2 pixels into channels; after each level one half of them is
finished, and is told its mean and deviation by the half that goes on (section 3, Figure 2).

Grey levels are whole numbers: uniform noise of one level's width makes them a density (section 2).

## Departures from the paper

- Pixels enter as logits, as in the paper before (Dinh et al. 2016,
  [arXiv:1605.08803](https://arxiv.org/abs/1605.08803), section 4.1), with an \(\alpha\) of 1e-6
  as Papamakarios et al. take for digits ([arXiv:1705.07057](https://arxiv.org/abs/1705.07057)).
  Without, black is 256 times as narrow as what the strokes move in, and the loss jumps up and
  down for thousands of steps.
- Actnorm starts as the identity, not from the statistics of a first batch: a run that was stopped
  and one on several devices need nothing special. Its logarithm is stored divided by 3, as in the
  paper's code, so that it learns faster.
- Log-scales are bounded by `scale_bound`, smoothly; in the paper they are free, in its code scales
  lie between 0 and 1. As there, the shift comes before the scale, where Table 1 has it after.
- The couplings' networks have no actnorm of their own and fewer channels. The bias of their last
  layer is another one at each place, and so are the deepest level's mean and deviation: digits
  lie in the middle.
- What tells the finished half its mean and deviation is a network as in the couplings, where the
  paper has one convolution.
- 2 levels of 8 steps, where the paper has 3 or more of 32.
- No labels; the paper uses them on request.
- Adam's rate rises over `warmup` steps and falls to 0 on half a cosine.
- Samples and likelihoods use an exponential moving average of the weights, kept by the loop.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam, Optimizer

from imggen.methods import Batch, Minimize, Panels, Shape, Spec
from imggen.nn.blocks import above_zero, at_least, flat_size
from imggen.nn.couplings import Affine, Coupling, Mix
from imggen.nn.dequantisation import (
    NOTE,
    bits_per_dim,
    dequantise,
    from_logits,
    level_of,
    logits,
    uniform_like,
)
from imggen.nn.schedules import warm_cosine

IMAGES = 500
"""Mapped at a time, where nothing is learnt."""


@dataclass(frozen=True)
class Config:
    """Settings for digits on two cores; the paper's are for photos."""

    levels: int = 2
    """Levels L, each on squares of 2x2 pixels of the one before (Figure 2b)."""
    steps: int = 8
    """Steps of flow K in each level (Figure 2b)."""
    hidden: int = 64
    """Channels of a coupling's network; twice as many at each further level (paper: 512)."""
    scale_bound: float = 2.0
    """Log-scales of couplings lie between minus this and this."""
    alpha: float | None = 1e-6
    """Pixels p enter as logits of alpha + (1 - 2 alpha) p. None: as they are."""
    lr: float = 1e-3
    """Adam's learning rate after the warm-up (paper: .001)."""
    lr_steps: int | None = None
    """Steps of the whole training, over which the rate falls to 0. None keeps it."""
    warmup: int = 500
    """Steps over which the rate rises."""

    @classmethod
    def tiny(cls) -> Config:
        """The smallest instance, for tests."""
        return cls(steps=1, hidden=8, lr=1e-2, warmup=1)


@dataclass(frozen=True)
class Sampler:
    """How far from the middle one draws."""

    temperature: float = 1.0
    """Deviation of the latents, above 0 (section 6, T). Below 1 samples are likelier and alike."""


def steps_of(level: nn.Module) -> list[Mix | Coupling | Affine]:
    """The parts of a level, in the order of the way forward."""
    return [part for part in level.children() if isinstance(part, Mix | Coupling | Affine)]


class Flow(nn.Module):
    """All levels: images (N, C, H, W) -> z (N, C·H·W) and log-determinants (N,), and back."""

    def __init__(self, shape: Shape, c: Config) -> None:
        super().__init__()
        self.levels, (channels, height, width) = nn.ModuleList(), shape
        for level in range(c.levels):
            channels, height, width = 4 * channels, height // 2, width // 2
            half, steps = channels // 2, nn.ModuleList()
            sizes = half, c.hidden * 2**level, channels, height, width
            for _ in range(c.steps):
                steps.extend([Mix(channels), Coupling(*sizes, c.scale_bound)])
            # What is finished here is told its mean and deviation by what goes on.
            told = Coupling(*sizes, c.scale_bound)
            steps.append(told if level < c.levels - 1 else Affine(channels, height, width))
            self.levels.append(steps)
            self.deepest = channels, height, width
            channels = half

    def forward(self, x: Tensor, *, inverse: bool = False) -> tuple[Tensor, Tensor]:
        if inverse:
            return self.back(x), x.new_zeros(len(x))
        h, logdet, finished = x, x.new_zeros(len(x)), []
        for number, level in enumerate(self.levels, start=1):
            h = F.pixel_unshuffle(h, 2)
            for step in steps_of(level):
                h, stretched = step(h)
                logdet = logdet + stretched
            if number < len(self.levels):
                h, out = h.chunk(2, dim=1)
                finished.append(out.flatten(1))
        return torch.cat([h.flatten(1), *reversed(finished)], dim=1), logdet

    def back(self, z: Tensor) -> Tensor:
        """Latents (N, C·H·W) -> images: the deepest level comes first."""
        h, rest = z.tensor_split([math.prod(self.deepest)], dim=1)
        h = h.unflatten(1, self.deepest)
        for number, level in enumerate(reversed(self.levels)):
            if number > 0:
                out, rest = rest.tensor_split([h[0].numel()], dim=1)
                h = torch.cat([h, out.view_as(h)], dim=1)
            for step in reversed(steps_of(level)):
                h = step.inverse(h)
            h = F.pixel_shuffle(h, 2)
        return h


class Glow(nn.Module):
    """The flow, its likelihood, and the way back."""

    panels: ClassVar[Panels] = {"bits per dimension": ("bits",)}

    likelihood_note: ClassVar[str] = NOTE

    def __init__(self, config: Config, spec: Spec) -> None:
        super().__init__()
        c = config
        at_least(1, levels=c.levels, steps=c.steps, hidden=c.hidden)
        at_least(1, lr_steps=c.lr_steps, warmup=c.warmup)
        above_zero(scale_bound=c.scale_bound)
        if c.alpha is not None and not 0 < c.alpha < 0.5:
            raise ValueError(f"alpha is {c.alpha}, and must be above 0 and below 0.5")
        (_, height, width), size = spec.shape, 2**c.levels
        if height % size or width % size:
            raise ValueError(
                f"levels is {c.levels}, and {size} must divide both sides of {width}x{height}"
            )
        self.config, self.spec = c, Spec(spec.shape)
        self.flow = Flow(spec.shape, c)
        self.opt = Adam(self.parameters(), lr=c.lr, fused=True)
        self.optimizers: dict[str, Optimizer] = {"flow": self.opt}

    def log_density(self, x: Tensor) -> Tensor:
        """log p of points (N, C, H, W) in [-1, 1], in nats, in float32: (N,)."""
        with torch.autocast(x.device.type, enabled=False):
            z, logdet = self.mapped(x)
            normal = -0.5 * (z.square() + math.log(2 * math.pi)).sum(dim=1)
            return normal + logdet

    def mapped(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Points (N, C, H, W) in [-1, 1] -> z (N, C·H·W), and the log-determinants (N,)."""
        if self.config.alpha is None:
            return self.flow(x)
        y, stretched = logits(x, self.config.alpha)
        z, logdet = self.flow(y)
        return z, logdet + stretched

    def training_step(self, batch: Batch, step: int, minimize: Minimize) -> dict[str, Tensor]:
        c, x = self.config, dequantise(batch.x, uniform_like(batch.x))
        bits = bits_per_dim(self.log_density(x), flat_size(self.spec.shape)).mean()
        minimize(bits, self.opt, lr=warm_cosine(c.lr, step, c.lr_steps, c.warmup))
        return {"bits": bits}

    def latents(self, n: int, generator: torch.Generator) -> Tensor:
        """Vectors (n, C·H·W): the deepest level's values first."""
        return torch.randn(n, flat_size(self.spec.shape), generator=generator)

    def sample(self, z: Tensor, y: Tensor | None = None, sampler: Sampler | None = None) -> Tensor:
        """Raises: ValueError for a temperature of 0 or below."""
        temperature = (sampler or Sampler()).temperature
        above_zero(temperature=temperature)
        with torch.autocast(z.device.type, enabled=False):
            x = self.flow(temperature * z, inverse=True)[0]
            alpha = self.config.alpha
            return level_of(x if alpha is None else from_logits(x, alpha))

    def encode(self, x: Tensor) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] -> (N, C·H·W), which `sample` turns into the same."""
        return torch.cat([self.mapped(dequantise(part))[0] for part in x.split(IMAGES)])

    def likelihood(self, x: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """Grey levels (N, C, H, W) in [-1, 1], with noise from the generator -> (N,)."""
        x = dequantise(x, uniform_like(x, generator))
        found = torch.cat([self.log_density(part) for part in x.split(IMAGES)])
        return {"bits_per_dim": bits_per_dim(found, flat_size(self.spec.shape))}

    def published_state(self) -> dict[str, Tensor]:
        return {f"flow.{name}": value for name, value in self.flow.state_dict().items()}
