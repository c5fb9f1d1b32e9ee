r"""Diffusion transformers: patches are tokens, and the network predicts the image.

William Peebles, Saining Xie: *Scalable Diffusion Models with Transformers* (DiT), ICCV 2023,
[arXiv:2212.09748](https://arxiv.org/abs/2212.09748); Tianhong Li, Kaiming He: *Back to Basics: Let
Denoising Generative Models Denoise* (JiT), 2025,
[arXiv:2511.13720](https://arxiv.org/abs/2511.13720).

The first paper replaces the U-Net by a transformer. An image is cut into square patches, each
patch is a token, and time and label scale, shift and gate what every block adds to the tokens. All
gates are closed at first (adaLN-Zero, section 3.2).

The second paper asks what such a network should predict. On the straight line
\(z_t = (1 - t)\, x + t\, \epsilon\) the image, the noise and the velocity \(v = \epsilon - x\) can
each be computed from any other (Table 1), so any of them may be the network's output, and the loss
be that of the velocity all the same:

$$
L = \mathbb{E}_{x, \epsilon, t}\, \| v_\theta(z_t, t) - v \|^2, \qquad
v_\theta = \frac{z_t - x_\theta}{t} \quad \text{or} \quad
v_\theta = \frac{\epsilon_\theta - z_t}{1 - t}, \qquad
t = \operatorname{sigmoid}(n), \quad n \sim \mathcal{N}(\mu, s^2)
$$

For a network that can represent all three it makes little difference. But images lie near a
surface of few dimensions, and noise fills the space. A patch of 14 x 14 pixels has 196 values; a
network of 64 channels can pass on the few that describe a stroke, and can't pass on 196 independent
ones. There only the prediction of \(x\) works (section 4).

With `Sampler.guidance` above 1 samples follow their label more closely than the training images did
(Ho and Salimans 2022, [arXiv:2207.12598](https://arxiv.org/abs/2207.12598)).

## Departures from the paper

- Time runs from the image at 0 to the noise at 1; in the second paper it is the other way round, so
  its \(\mu = -0.8\) is 0.8 here. The first paper has the discrete steps of DDPM and learns
  variances too.
- 0.95 million weights, where the papers have 33 to 953 million.
- All blocks share the layer that makes scales, shifts and gates, and each learns what to add to its
  output (PixArt-α, arXiv:2310.00426). In both papers each block has its own, here a third of
  all weights.
- Positions are fixed waves as in the first paper. Of the second paper's additions (SwiGLU, RMSNorm,
  rotary positions, normalised queries and keys, a bottleneck before the first layer, tokens for the
  label) there are none.
- The second paper divides by at least 0.05; so do we, and also where noise is predicted. The target
  is divided likewise, as in its code: a network that is right has a loss of 0. At time 1, where
  noise says nothing about the image, one that predicts the noise begins with too short a step.
- Adam with a rate that rises over `warmup` steps and falls to 0 on half a cosine, where the papers
  keep it.
- Ten of Heun's steps draw a sample, where the second paper takes 50.
- Guidance is the same at all times; the second paper leaves it out where there is most noise.
- Samples come from an exponential moving average of the weights, kept by the loop.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from imggen.methods import Batch, Minimize, Panels, Spec
from imggen.nn.blocks import at_least
from imggen.nn.guidance import drop_labels, guided, labelled
from imggen.nn.schedules import warm_cosine
from imggen.nn.solvers import euler, heun, uniform_times
from imggen.nn.transformer import Transformer

Prediction = Literal["x", "epsilon", "v"]

LEAST_TIME = 0.05
"""Least divisor of a difference that becomes a velocity (second paper, section 4.3)."""


@dataclass(frozen=True)
class Config:
    """Settings for digits on two cores; the papers' are for photos."""

    conditional: bool = True
    """Use labels, where the data have them. Off: neither training nor sampling sees them."""
    prediction: Prediction = "x"
    """What the network's output is: image, noise or velocity (second paper, Table 1)."""
    patch: int = 4
    """Side of a patch, in pixels; it divides both sides of the image."""
    width: int = 128
    """Channels of a token."""
    depth: int = 4
    """Blocks."""
    heads: int = 4
    """Heads of the attention."""
    time_mean: float = 0.8
    """Mean of the logit of a training time (second paper, in its direction of time: -0.8)."""
    time_std: float = 0.8
    """Standard deviation of that logit (second paper: 0.8)."""
    label_dropout: float = 0.1
    """Share of the images whose label is left out (both papers: .1)."""
    lr: float = 1e-3
    """Adam's learning rate after the warm-up."""
    lr_steps: int | None = None
    """Steps of the whole training, over which the rate falls to 0. None keeps it."""
    warmup: int = 500
    """Steps over which the rate rises."""

    @classmethod
    def tiny(cls) -> Config:
        """The smallest instance, for tests."""
        return cls(width=8, depth=1, heads=2, lr=1e-2, warmup=1)


@dataclass(frozen=True)
class Sampler:
    """How the flow is followed from noise to image."""

    solver: Literal["euler", "heun"] = "heun"
    """Euler's method asks the network once a step, Heun's twice, but for the last step."""
    steps: int = 10
    """Steps of one size. Where the image is predicted, more than 20 leave a little noise."""
    guidance: float = 1.0
    """Scale of classifier-free guidance: 1 is without, 0 ignores the label."""
    precision: Literal["fp32", "bf16"] = "bf16"
    """Arithmetic of the network. What it is added to is float32 always."""


SOLVERS = {"euler": euler, "heun": heun}


def velocity_from(output: Tensor, z: Tensor, t: Tensor, prediction: Prediction) -> Tensor:
    """The velocity that follows from an output of the network (second paper, Table 1).

    Outputs and mixtures (N, C, H, W), times (N, 1, 1, 1) -> (N, C, H, W).
    """
    if prediction == "x":
        return (z - output) / t.clamp(min=LEAST_TIME)
    if prediction == "epsilon":
        return (output - z) / (1 - t).clamp(min=LEAST_TIME)
    return output


class DiT(nn.Module):
    """The transformer, what its output means, and how the flow is followed."""

    panels: ClassVar[Panels] = {"squared error of a pixel's velocity": ("loss",)}

    def __init__(self, config: Config, spec: Spec) -> None:
        super().__init__()
        c = config
        at_least(1, lr_steps=c.lr_steps, warmup=c.warmup)
        at_least(0, time_std=c.time_std)
        if c.conditional and not spec.classes:
            raise ValueError("it needs labels, and these images have none (or conditional off)")
        self.config, self.spec = c, Spec(spec.shape, spec.classes if c.conditional else 0)
        self.net = Transformer(
            spec.shape, c.patch, c.width, c.depth, c.heads, classes=self.spec.classes
        )
        self.opt = Adam(self.net.parameters(), lr=c.lr, fused=True)
        self.optimizers: dict[str, Optimizer] = {"net": self.opt}

    def training_step(self, batch: Batch, step: int, minimize: Minimize) -> dict[str, Tensor]:
        c, x, noise = self.config, batch.x, torch.randn_like(batch.x)
        t = (c.time_mean + c.time_std * torch.randn(len(x), 1, 1, 1, device=x.device)).sigmoid()
        z = (1 - t) * x + t * noise
        y = drop_labels(batch.y, c.label_dropout, self.spec.classes)
        output = self.net(z, t.flatten(1), y)
        truth = {"x": x, "epsilon": noise, "v": noise - x}[c.prediction]
        error = velocity_from(output, z, t, c.prediction) - velocity_from(truth, z, t, c.prediction)
        loss = error.square().mean()
        minimize(loss, self.opt, lr=warm_cosine(c.lr, step, c.lr_steps, c.warmup))
        return {"loss": loss}

    def latents(self, n: int, generator: torch.Generator) -> Tensor:
        """Noise images (n, C, H, W)."""
        return torch.randn(n, *self.spec.shape, generator=generator)

    @torch.no_grad()
    def sample(self, z: Tensor, y: Tensor | None = None, sampler: Sampler | None = None) -> Tensor:
        """Raises: ValueError without labels where they are needed, or below one step."""
        s = sampler or Sampler()

        def velocity(z: Tensor, t: float, y: Tensor | None) -> Tensor:
            at = z.new_full((len(z), 1, 1, 1), t)
            with torch.autocast(z.device.type, torch.bfloat16, s.precision == "bf16"):
                output = self.net(z, at.flatten(1), y)
            return velocity_from(output, z, at, self.config.prediction)

        y = labelled(y, self.spec.classes)
        field = guided(velocity, y, self.spec.classes, s.guidance)
        return SOLVERS[s.solver](field, z, uniform_times(s.steps)).clamp(-1, 1)

    def published_state(self) -> dict[str, Tensor]:
        return {f"net.{name}": value for name, value in self.net.state_dict().items()}
