r"""Gated PixelCNN.

Aäron van den Oord, Nal Kalchbrenner, Oriol Vinyals, Lasse Espeholt, Alex Graves, Koray
Kavukcuoglu: *Conditional Image Generation with PixelCNN Decoders*, NeurIPS 2016,
[arXiv:1606.05328](https://arxiv.org/abs/1606.05328).

An image is drawn pixel by pixel, row by row, as one writes. By the chain rule nothing is lost
(Eq. 1); the likelihood is exact, and it is what training raises:

$$
\log p_\theta(x) = \sum_{i=1}^{HW} \log p_\theta(x_i \mid x_1, \dots, x_{i-1})
$$

Here \(x_i\) is 0 or 1 and the network says the logit of a 1, for all pixels in one pass: no
feature of a pixel depends on that pixel or a later one. Two stacks of convolutions see to it. The
vertical one sees the rows above, the horizontal one what is left in the row, and hears from the
first in each layer \(k\) (Figure 2). What each convolution finds is gated (Eq. 2):

$$
h = \tanh(W_{k,f} * x) \odot \sigma(W_{k,g} * x)
$$

A sample takes the pixels in turn. With uniform numbers \(u_i\) it is a function of them,
\(x_i = 1\) where \(u_i < p_\theta(x_i = 1 \mid x_1, \dots, x_{i-1})\), and the first rows may as
well be given: then the digit is completed.

## Departures from the paper

- Pixels are 0 or 1, drawn from grey levels anew at every step, and one logit is the whole output;
  the paper has 256 levels of three colours and a softmax.
- 7 layers of 32 channels by default, and Adam with a warm-up and half a cosine; the paper has
  photos, more and wider layers, and RMSProp.
- `dilations` above 1 leave gaps between a kernel's weights, so that few layers see a whole digit.
- Kernels have only the weights that they may use; the paper masks those of the others.
- No condition: what is published is the likelihood of images, not of images with their class.
- Samples and likelihoods use an exponential moving average of the weights, kept by the loop.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam, Optimizer

from imggen.methods import Batch, Minimize, Panels, Spec
from imggen.nn.binary import refuse_grey
from imggen.nn.blocks import above_zero, at_least, flat_size, to_unit
from imggen.nn.causal import GatedLayer, Walk
from imggen.nn.schedules import warm_cosine

IMAGES = 250
"""Images of which `PixelCNN.likelihood` asks at a time."""


@dataclass(frozen=True)
class Config:
    """Settings for binarised digits on two cores; the paper's are for photos."""

    width: int = 32
    """Channels of both stacks (section 2.1)."""
    first_kernel: int = 7
    """Side of the first layer's kernel, an odd number of pixels (1601.06759, Table 1: 7)."""
    kernel: int = 3
    """Side of the other layers' kernels, an odd number of pixels."""
    dilations: tuple[int, ...] = (1, 1, 1, 1, 1, 1)
    """Pixels from one weight of a kernel to the next, for each layer after the first."""
    head: int = 32
    """Channels of the layer before the last (1601.06759, Table 1: two layers of one pixel)."""
    lr: float = 1e-3
    """Adam's learning rate after the warm-up."""
    lr_steps: int | None = None
    """Steps of the whole training, over which the rate falls to 0. None keeps it."""
    warmup: int = 200
    """Steps over which the rate rises."""

    @classmethod
    def tiny(cls) -> Config:
        """The smallest instance, for tests."""
        return cls(width=4, dilations=(1,), head=4, lr=5e-2, warmup=1)


@dataclass(frozen=True)
class Sampler:
    """How sure the pixels are drawn."""

    temperature: float = 1.0
    """Divides the logits: 1 draws from the model, less makes probable pixels more so."""


class PixelCNN(nn.Module):
    """Layers, a head, the exact likelihood, and samples pixel by pixel."""

    panels: ClassVar[Panels] = {"nats per image": ("nll",)}

    likelihood_note: ClassVar[str] = "pixels binarised once, seed 0; exact"

    def __init__(self, config: Config, spec: Spec) -> None:
        super().__init__()
        c = config
        at_least(1, width=c.width, head=c.head, dilations=min(c.dilations, default=1))
        at_least(3, first_kernel=c.first_kernel, kernel=c.kernel)
        at_least(1, lr_steps=c.lr_steps, warmup=c.warmup)
        if not c.first_kernel % 2 or not c.kernel % 2:
            raise ValueError(
                f"first_kernel is {c.first_kernel} and kernel is {c.kernel}, and both must be odd"
            )
        if spec.shape[0] > 1:
            raise ValueError(f"its pixels are 0 or 1, and these have {spec.shape[0]} channels")
        self.config, self.spec, self.row_step = c, Spec(spec.shape), 1
        self.layers = nn.ModuleList([GatedLayer(1, c.width, c.first_kernel, first=True)])
        self.layers.extend(GatedLayer(c.width, c.width, c.kernel, gap) for gap in c.dilations)
        self.head = nn.Sequential(
            nn.ReLU(), nn.Conv2d(c.width, c.head, 1), nn.ReLU(), nn.Conv2d(c.head, 1, 1)
        )
        self.opt = Adam(self.parameters(), lr=c.lr, fused=True)
        self.optimizers: dict[str, Optimizer] = {"pixelcnn": self.opt}

    def logits(self, x: Tensor) -> Tensor:
        """Binary images (N, 1, H, W) -> the logit of a 1 at each pixel, given those before it."""
        v = h = signed(x)
        for layer in self.layers:
            v, h = layer(v, h)
        return self.head(h).float()

    def nats(self, binary: Tensor) -> Tensor:
        """Binary images (N, 1, H, W) -> -log p of each pixel given those before it, (N, H, W)."""
        nats = F.binary_cross_entropy_with_logits(self.logits(binary), binary, reduction="none")
        return nats[:, 0]

    def log_likelihood(self, x: Tensor) -> Tensor:
        """Binary images (N, 1, H, W) -> log p(x) (N,), in nats (Eq. 1).

        Raises: ValueError for grey levels.
        """
        refuse_grey(x)
        return -self.nats(x).flatten(1).sum(dim=1)

    def surprisals(self, x: Tensor) -> Tensor:
        """Images (N, 1, H, W) in [-1, 1], each pixel black or white by which it is nearer to ->
        nats of each pixel given those before it, (N, H, W)."""
        return self.nats((x > 0).float())

    def training_step(self, batch: Batch, step: int, minimize: Minimize) -> dict[str, Tensor]:
        c, binary = self.config, torch.bernoulli(to_unit(batch.x))
        loss = self.nats(binary).flatten(1).sum(dim=1).mean()
        minimize(loss, self.opt, lr=warm_cosine(c.lr, step, c.lr_steps, c.warmup))
        return {"nll": loss}

    def latents(self, n: int, generator: torch.Generator) -> Tensor:
        """A uniform number for each pixel (n, H·W)."""
        return torch.rand(n, flat_size(self.spec.shape), generator=generator)

    def sample(self, z: Tensor, y: Tensor | None = None, sampler: Sampler | None = None) -> Tensor:
        """Raises: ValueError for a temperature of 0 or below."""
        return self.complete(z.new_zeros(len(z), *self.spec.shape), 0, z, y, sampler)

    def complete(
        self,
        x: Tensor,
        rows: int,
        z: Tensor,
        y: Tensor | None = None,
        sampler: Sampler | None = None,
    ) -> Tensor:
        """The first `rows` rows of images (N, 1, H, W) in [-1, 1], each pixel black or white by
        which it is nearer to, and the others drawn with uniform numbers z (N, H·W).

        Raises: ValueError for rows that there are not, or a temperature of 0 or below.
        """
        height = self.spec.shape[1]
        if not 0 <= rows <= height:
            raise ValueError(f"{rows} rows are given, of images of {height}")
        given = (x[:, 0, :rows] > 0).to(z.dtype)
        temperature = (sampler or Sampler()).temperature
        drawn, _ = self.draw_pixels(z.unflatten(1, self.spec.shape[1:]), given, temperature)
        return signed(drawn)[:, None]

    @torch.no_grad()
    def draw_pixels(self, z: Tensor, given: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
        """Uniform numbers (N, H, W), binary first rows (N, rows, W) -> binary images and logits.

        Each feature is computed once: all pixels together cost one pass of the layers. The logits
        (N, H, W) of given pixels are 0.

        Raises: ValueError for a temperature of 0 or below.
        """
        above_zero(temperature=temperature)
        x, logits = torch.zeros_like(z), torch.zeros_like(z)
        x[:, : given.shape[1]] = given
        outside = z.new_zeros(len(z), 1, z.shape[2])
        walk = Walk(cast(list[GatedLayer], list(self.layers)), len(z), z.shape[2])
        for i in range(z.shape[1]):
            walk.row(signed(x[:, i - 1, None]) if i else outside)
            if i < given.shape[1]:
                continue
            left = outside[:, :, 0]
            for j in range(z.shape[2]):
                logits[:, i, j] = self.head(walk.pixel(left)[:, :, None, None])[:, 0, 0, 0]
                x[:, i, j] = (z[:, i, j] < (logits[:, i, j] / temperature).sigmoid()).to(z.dtype)
                left = signed(x[:, i, j, None])
        return x, logits

    def likelihood(self, x: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """Grey levels (N, 1, H, W) in [-1, 1] are drawn to 0 or 1 once -> (N,), in nats."""
        binary = torch.bernoulli(to_unit(x).flatten(1), generator=generator).view(x.shape)
        return {
            "nll_nats": -torch.cat([self.log_likelihood(part) for part in binary.split(IMAGES)])
        }

    def published_state(self) -> dict[str, Tensor]:
        return dict(self.state_dict())


def signed(x: Tensor) -> Tensor:
    """0 and 1 become -1 and 1: 0 is left for what lies outside the image."""
    return 2 * x - 1
