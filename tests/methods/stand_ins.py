"""Tiny methods of the kinds that will come, to prove that the contract carries them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import SGD, Adam, Optimizer

from imggen.methods import Batch, Minimize, Panels, Spec


@dataclass(frozen=True)
class Config:
    """A stand-in has no settings."""

    @classmethod
    def tiny(cls) -> Config:
        return cls()


def convolutions(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, 4, 3, padding=1), nn.SiLU(), nn.Conv2d(4, outputs, 3, padding=1)
    )


@dataclass(frozen=True)
class Sampler:
    """How the denoiser draws."""

    steps: int = 3
    """Network passes."""
    jitter: float = 0.0
    """Standard deviation of fresh noise after each step."""
    clip: bool = True
    """Whether pixels are kept in [-1, 1]."""


class Denoiser(nn.Module):
    """Image-shaped noise, a sampler of several steps, noise inside the sampling."""

    panels: ClassVar[Panels] = {"loss": ("loss",)}

    def __init__(self, config: Config, spec: Spec) -> None:
        super().__init__()
        self.config, self.spec = config, Spec(spec.shape)
        self.net = convolutions(spec.shape[0], spec.shape[0])
        self.opt = Adam(self.net.parameters(), lr=1e-2)
        self.optimizers: dict[str, Optimizer] = {"net": self.opt}

    def training_step(self, batch: Batch, step: int, minimize: Minimize) -> dict[str, Tensor]:
        t = torch.rand(len(batch.x), 1, 1, 1, device=batch.x.device)
        noise = torch.randn_like(batch.x)
        loss = (self.net((1 - t) * batch.x + t * noise).float() - (noise - batch.x)).square().mean()
        minimize(loss, self.opt, lr=1e-2 / (1 + step))
        return {"loss": loss}

    def latents(self, n: int, generator: torch.Generator) -> Tensor:
        return torch.randn(n, *self.spec.shape, generator=generator)

    def sample(self, z: Tensor, y: Tensor | None = None, sampler: Sampler | None = None) -> Tensor:
        s = sampler or Sampler()
        if s.steps < 1:
            raise ValueError(f"a sampler of {s.steps} steps draws nothing")
        for _ in range(s.steps):
            z = z - self.net(z) / s.steps + s.jitter * torch.randn_like(z)
        return z.clamp(-1, 1) if s.clip else z

    def published_state(self) -> dict[str, Tensor]:
        return self.state_dict()


class Critic(nn.Module):
    """A critic that is updated five times for each step of the generator, at another rate."""

    panels: ClassVar[Panels] = {"loss": ("loss_D", "loss_G")}
    every = 5

    def __init__(self, config: Config, spec: Spec) -> None:
        super().__init__()
        self.config, self.spec = config, Spec(spec.shape)
        pixels = spec.shape[0] * spec.shape[1] * spec.shape[2]
        self.G, self.D = nn.Linear(3, pixels), nn.Linear(pixels, 1, bias=False)
        self.opt_G, self.opt_D = Adam(self.G.parameters()), SGD(self.D.parameters(), lr=1e-2)
        self.optimizers: dict[str, Optimizer] = {"G": self.opt_G, "D": self.opt_D}

    def training_step(self, batch: Batch, step: int, minimize: Minimize) -> dict[str, Tensor]:
        x_fake = self.sample(torch.randn(len(batch.x), 3, device=batch.x.device))
        loss_D = self.judge(x_fake.detach()) - self.judge(batch.x)
        minimize(loss_D, self.opt_D, lr=1e-3)
        if (step + 1) % self.every:
            return {"loss_D": loss_D}
        loss_G = -self.judge(x_fake)
        minimize(loss_G, self.opt_G, lr=2e-3)
        return {"loss_D": loss_D, "loss_G": loss_G}

    def judge(self, x: Tensor) -> Tensor:
        return self.D(x.flatten(1)).float().mean()

    def latents(self, n: int, generator: torch.Generator) -> Tensor:
        return torch.randn(n, 3, generator=generator)

    def sample(self, z: Tensor, y: Tensor | None = None, sampler: None = None) -> Tensor:
        return self.G(z).tanh().view(-1, *self.spec.shape)

    def published_state(self) -> dict[str, Tensor]:
        return {f"G.{name}": value for name, value in self.G.state_dict().items()}


class TwoPhases(nn.Module):
    """An autoencoder first, then a generator of its codes; what a phase does not train stays."""

    panels: ClassVar[Panels] = {"loss": ("reconstruction", "code")}
    first_stage_steps = 10

    def __init__(self, config: Config, spec: Spec) -> None:
        super().__init__()
        self.config, self.spec = config, Spec(spec.shape)
        pixels = spec.shape[0] * spec.shape[1] * spec.shape[2]
        self.encoder, self.decoder = nn.Linear(pixels, 2), nn.Linear(2, pixels)
        self.prior = nn.Linear(2, 2)
        both = [*self.encoder.parameters(), *self.decoder.parameters()]
        self.opt_first, self.opt_second = Adam(both), Adam(self.prior.parameters())
        self.optimizers: dict[str, Optimizer] = {
            "first": self.opt_first,
            "second": self.opt_second,
        }

    def training_step(self, batch: Batch, step: int, minimize: Minimize) -> dict[str, Tensor]:
        x = batch.x.flatten(1)
        if step < self.first_stage_steps:
            loss = F.mse_loss(self.decoder(self.encoder(x)).float(), x)
            minimize(loss, self.opt_first)
            return {"reconstruction": loss}
        with torch.no_grad():
            code = self.encoder(x)
        loss = (self.prior(torch.randn_like(code)) - code).float().square().mean()
        minimize(loss, self.opt_second)
        return {"code": loss}

    def latents(self, n: int, generator: torch.Generator) -> Tensor:
        return torch.randn(n, 2, generator=generator)

    def sample(self, z: Tensor, y: Tensor | None = None, sampler: None = None) -> Tensor:
        return self.decoder(self.prior(z)).tanh().view(-1, *self.spec.shape)

    def encode(self, x: Tensor) -> Tensor:
        return self.encoder(x.flatten(1))

    def published_state(self) -> dict[str, Tensor]:
        return self.state_dict()


class FromImages(nn.Module):
    """An image as condition: a label map becomes a photo."""

    panels: ClassVar[Panels] = {"loss": ("loss",)}

    def __init__(self, config: Config, spec: Spec) -> None:
        super().__init__()
        if spec.source is None:
            raise ValueError("images are made from others here, and these have none")
        self.config, self.spec = config, Spec(spec.shape, source=spec.source)
        self.net = convolutions(spec.source[0] + 1, spec.shape[0])
        self.opt = Adam(self.net.parameters(), lr=1e-2)
        self.optimizers: dict[str, Optimizer] = {"net": self.opt}

    def training_step(self, batch: Batch, step: int, minimize: Minimize) -> dict[str, Tensor]:
        assert batch.y is not None
        z = torch.randn(len(batch.x), 1, device=batch.x.device)
        loss = F.l1_loss(self.sample(z, batch.y).float(), batch.x)
        minimize(loss, self.opt)
        return {"loss": loss}

    def latents(self, n: int, generator: torch.Generator) -> Tensor:
        return torch.randn(n, 1, generator=generator)

    def sample(self, z: Tensor, y: Tensor | None = None, sampler: None = None) -> Tensor:
        if y is None:
            raise ValueError("an image to start from is missing")
        noise = z[:, :, None, None].expand(-1, -1, *y.shape[2:])
        return self.net(torch.cat([y, noise.to(y.dtype)], dim=1)).tanh()

    def published_state(self) -> dict[str, Tensor]:
        return self.state_dict()
