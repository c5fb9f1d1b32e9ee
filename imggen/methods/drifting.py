r"""Drifting: samples are pulled by images and pushed by each other, and the generator follows.

Mingyang Deng, He Li, Tianhong Li, Yilun Du, Kaiming He: *Generative Modeling via Drifting*, 2026,
[arXiv:2602.04770](https://arxiv.org/abs/2602.04770).

A generator \(G\) makes an image from noise in one pass, as in a GAN, but nobody judges it. In each
step a field \(V\) says where each of its samples should go, and \(G\) is moved to make what lies
there (Eq. 6; in features \(\phi\), Eq. 13 and, for several, 14):

$$
L = \mathbb{E}_z \big\| \phi(x) - \mathrm{sg}\big(\phi(x) + V(\phi(x))\big) \big\|^2, \qquad
x = G(z, y)
$$

sg means that no gradient flows. Each real image \(y^+\) pulls, each other sample \(y^-\) pushes,
both more the nearer they are, and only where labels agree (Eq. 11, Algorithm 2):

$$
V(x) = \sum_{y^+,\, y^-} A(x, y^+)\, A(x, y^-)\, (y^+ - y^-), \qquad
A(x, y) = \frac{k(x, y)}{\sqrt{\sum_{y'} k(x, y')\, \sum_{x'} k(x', y)}}, \qquad
k(x, y) = e^{-\|x - y\| / \tau}
$$

Where samples are spread like images, pull and push cancel; the two enter alike, so that exchanging
them turns \(V\) round. Pull alone would bring all samples of a label to one place.

Three temperatures \(\tau\) look near and far. Distances are in units of their mean, and each
temperature's \(V\) is divided by its root mean square \(\lambda\) before they are summed (appendix
A.6): steps are of one size whether samples are far off or nearly right. So the loss can't fall to
0, and only tells how far the temperatures agree. \(\lambda\) is logged as `drift`. It says more,
but not all: it is small near the images, down to what chance leaves in a batch, and small too as
long as samples are near each other and far from all images, since then nothing pulls.

Distances have to mean something. In a first phase an autoencoder learns to fill in hidden squares
of the training images (He et al. 2022, [arXiv:2111.06377](https://arxiv.org/abs/2111.06377)), then
it is frozen. \(\phi\) is on three levels, each with its own \(V\): pixels, the encoder's last
feature maps, and its code. It is not the classifier that our metrics use.

## Departures from the paper

- SNGAN's generator of strided convolutions, with the label in its batch normalisation, where the
  paper has a transformer with random style tokens, and makes latents or pixels.
- Features are an autoencoder's of 0.2 million weights, seen as two vectors an image beside the
  pixels. The paper's are those of a ResNet at every place and pooled in several ways, with a loss
  for each; the best were tuned to labels.
- Squares of 4x4 pixels are hidden, the paper hides 2x2 latents; its decoder has short cuts.
- No guidance: the paper adds images without label to what pushes, and asks for a scale.
- Images that pull are those of the batch, so labels are as many as chance gives them; the paper
  has 64 for each label from a queue, and as many samples.
- Small affinities are lifted to the root of 10⁻⁶ as in the released code, so that images pull
  samples from afar. The paper has no such bound.
- The mean distance leaves out a sample's distance of 0 to itself; the released code counts it.
- The rate rises over `warmup` steps of the second phase and falls to 0 on half a cosine; the
  paper names a warm-up alone.
- Samples come from an exponential moving average of the weights, kept by the loop.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam, AdamW, Optimizer

from imggen.methods import Batch, Minimize, Panels, Shape, Spec
from imggen.methods.sngan import Generator
from imggen.nn.blocks import at_least
from imggen.nn.convolutions import Trunk
from imggen.nn.guidance import labelled
from imggen.nn.schedules import cosine, warm_cosine


@dataclass(frozen=True)
class Config:
    """Settings for digits on two cores; the paper's are for photos."""

    conditional: bool = True
    """Use labels, where the data have them. Off: neither training nor sampling sees them."""
    z_dim: int = 128
    """Dimension of the latent z, standard normal."""
    width: int = 64
    """Channels of G's feature map next to the image."""
    temperatures: tuple[float, ...] = (0.02, 0.05, 0.2)
    """Reach of pull and push, in mean distances (appendix A.6)."""
    floor: float = 1e-6
    """Least square of an affinity among images of one label (released code)."""
    first_phase_steps: int = 1000
    """Steps in which the features are learnt; then they are frozen, and G begins."""
    feature_width: int = 16
    """Channels of the encoder's feature map next to the image."""
    code: int = 64
    """Dimension of the autoencoder's code."""
    hidden: float = 0.5
    """Share of the squares that the autoencoder must fill in (appendix A.3)."""
    lr: float = 1e-3
    """AdamW's learning rate for G after the warm-up (the paper: 2e-4)."""
    lr_features: float = 1e-3
    """Adam's learning rate for the autoencoder; falls to 0 over the first phase."""
    lr_steps: int | None = None
    """Steps of the whole training, both phases: the rate of G falls to 0. None keeps it."""
    warmup: int = 200
    """Steps over which the rate of G rises."""
    beta2: float = 0.95
    """AdamW's second momentum; the first is .9."""
    weight_decay: float = 0.01
    """AdamW's weight decay for G."""

    @classmethod
    def tiny(cls) -> Config:
        """The smallest instance, for tests."""
        return cls(
            z_dim=4, width=4, first_phase_steps=4, feature_width=4, code=4, lr=5e-3, warmup=1
        )


SQUARE = 4
"""Pixels a side of what the autoencoder must fill in."""


class Autoencoder(nn.Module):
    """Images (N, C, H, W) -> code, and back; what it sees of an image are the features."""

    def __init__(self, width: int, code: int, shape: Shape) -> None:
        super().__init__()
        self.trunk = Trunk(width, 0.2, shape)
        self.code = nn.Linear(self.trunk.features, code)
        self.decoder = Generator(code, width, shape, classes=0)

    def features(self, x: Tensor) -> dict[str, Tensor]:
        """Float32 vectors (N, d) of images (N, C, H, W), by level."""
        maps = self.trunk(x)
        return {"pixels": x.flatten(1).float(), "maps": maps, "code": self.code(maps).float()}

    def error(self, x: Tensor, hidden: float) -> Tensor:
        """Mean squared error of the pixels that were hidden."""
        n, _, height, width = x.shape
        squares = torch.rand(n, 1, -(-height // SQUARE), -(-width // SQUARE), device=x.device)
        gone = F.interpolate((squares < hidden).to(x.dtype), scale_factor=SQUARE)
        gone = gone[:, :, :height, :width]
        filled = self.decoder(self.code(self.trunk(x * (1 - gone))), None).float()
        return (gone * (filled - x).square()).sum() / (gone.sum() * x.shape[1]).clamp(min=1)


def pairs(y: Tensor) -> Tensor:
    """Who acts on whom, (N, 2N): images, then samples, of one's own label y (N,), not oneself."""
    same = y[:, None] == y
    return torch.cat([same, same & ~torch.eye(len(y), dtype=torch.bool, device=y.device)], dim=1)


def drift(logits: Tensor, allowed: Tensor, targets: Tensor, images: int, floor: float) -> Tensor:
    """V (N, d) from log k (N, M) towards targets (M, d), of which the first `images` pull.

    Algorithm 2. Pairs that `allowed` (N, M) leaves out don't act on each other.
    """
    logits = logits.masked_fill(~allowed, -1e9)
    A = (logits.softmax(dim=1) * logits.softmax(dim=0)).clamp(min=floor).sqrt() * allowed
    pull, push = A[:, :images], A[:, images:]
    W = torch.cat([pull * push.sum(1, keepdim=True), -push * pull.sum(1, keepdim=True)], dim=1)
    return W @ targets


class Drift(NamedTuple):
    """Where samples should go."""

    V: Tensor
    """(N, d), the sum over temperatures of what has a root mean square of 1."""
    scale: Tensor
    """What features are divided by before V is added."""
    size: Tensor
    """Root mean square of V before it was divided, the mean over temperatures."""


@torch.no_grad()
def normalised_drift(
    x: Tensor, images: Tensor, allowed: Tensor, temperatures: tuple[float, ...], floor: float
) -> Drift:
    """The drift of features x (N, d) among those of images (M, d); appendix A.6."""
    targets = torch.cat([images, x])
    distances = torch.cdist(x, targets)
    mean = ((distances * allowed).sum() / allowed.sum().clamp(min=1)).clamp(min=1e-6)
    scale = mean / x.shape[1] ** 0.5
    total, sizes = torch.zeros_like(x), []
    for tau in temperatures:
        logits = -distances / (mean * tau)
        V = drift(logits, allowed, targets / scale, len(images), floor)
        sizes.append(V.square().mean().sqrt())
        total += V / sizes[-1].clamp(min=1e-6)
    return Drift(total, scale, torch.stack(sizes).mean())


class Drifting(nn.Module):
    """Generator, features, the field and the two phases."""

    panels: ClassVar[Panels] = {
        "squared error of a pixel": ("reconstruction",),
        "loss, not falling": ("loss",),
        "drift": ("drift_pixels", "drift_maps", "drift_code"),
    }

    def __init__(self, config: Config, spec: Spec) -> None:
        """Raises: ValueError for images that are not square, below 8 pixels or without labels."""
        super().__init__()
        c = config
        at_least(1, z_dim=c.z_dim, width=c.width, first_phase_steps=c.first_phase_steps)
        at_least(1, feature_width=c.feature_width, code=c.code, lr_steps=c.lr_steps)
        at_least(1, warmup=c.warmup)
        if not c.temperatures or not min(c.temperatures) > 0:
            raise ValueError(f"temperatures are {c.temperatures}, and each must be above 0")
        if not 0 < c.hidden <= 1:
            raise ValueError(f"hidden is {c.hidden}, and must be above 0 and at most 1")
        if c.conditional and not spec.classes:
            raise ValueError("it needs labels, and these images have none (or conditional off)")
        self.config, self.spec = c, Spec(spec.shape, spec.classes if c.conditional else 0)
        self.G = Generator(c.z_dim, c.width, spec.shape, self.spec.classes)
        self.phi = Autoencoder(c.feature_width, c.code, spec.shape)
        self.opt_phi = Adam(self.phi.parameters(), lr=c.lr_features, fused=True)
        self.opt_G = AdamW(
            self.G.parameters(),
            lr=c.lr,
            betas=(0.9, c.beta2),
            weight_decay=c.weight_decay,
            fused=True,
        )
        self.optimizers: dict[str, Optimizer] = {"phi": self.opt_phi, "G": self.opt_G}

    def training_step(self, batch: Batch, step: int, minimize: Minimize) -> dict[str, Tensor]:
        c, first = self.config, self.config.first_phase_steps
        if step < first:
            error = self.phi.error(batch.x, c.hidden)
            minimize(error, self.opt_phi, lr=cosine(c.lr_features, 0.0, step, first))
            return {"reconstruction": error}
        z = torch.randn(len(batch.x), c.z_dim, device=batch.x.device)
        loss, sizes = self.loss(self.G(z, batch.y), batch)
        after = None if c.lr_steps is None else c.lr_steps - first
        minimize(loss, self.opt_G, lr=warm_cosine(c.lr, step - first, after, c.warmup))
        return {"loss": loss, **{f"drift_{level}": size for level, size in sizes.items()}}

    def loss(self, x: Tensor, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Eq. 13 for samples x (N, C, H, W) of the batch's labels, and the drifts by level."""
        c = self.config
        y = torch.zeros(len(x), device=x.device) if batch.y is None else batch.y
        with torch.no_grad():
            images = self.phi.features(batch.x)
        samples = self.phi.features(x)
        total, sizes = x.new_zeros((), dtype=torch.float32), {}
        with torch.autocast(x.device.type, enabled=False):
            allowed = pairs(y)
            for level, phi in samples.items():
                to = normalised_drift(phi, images[level], allowed, c.temperatures, c.floor)
                target = phi.detach() / to.scale + to.V
                total = total + (phi / to.scale - target).square().mean()
                sizes[level] = to.size
        return total, sizes

    def latents(self, n: int, generator: torch.Generator) -> Tensor:
        return torch.randn(n, self.config.z_dim, generator=generator)

    def sample(self, z: Tensor, y: Tensor | None = None, sampler: None = None) -> Tensor:
        """Raises: ValueError without labels where they are needed."""
        return self.G(z, labelled(y, self.spec.classes))

    def published_state(self) -> dict[str, Tensor]:
        return {f"G.{name}": value for name, value in self.G.state_dict().items()}
