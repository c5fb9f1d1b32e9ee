"""The loops that tutorials teach, over our networks: what `benchmark.py` compares ours with.

A DataLoader with a transform for each image and two workers, fp32, NCHW, statistics read after each
step, and a generator step that also computes the discriminator's gradients.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam
from torch.utils.data import DataLoader
from torchvision.datasets import MNIST
from torchvision.transforms import Compose, Normalize, ToTensor

from imggen.methods import Spec, dcgan, glow, igpt, sngan, wgan_gp

BATCH = 128
SPEC = Spec((1, 28, 28), classes=10)


def batches(root: Path, workers: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Images (N, 1, 28, 28) in [-1, 1] and labels (N,), for ever."""
    torch.manual_seed(0)
    transform = Compose([ToTensor(), Normalize(0.5, 0.5)])
    loader = DataLoader(
        MNIST(root, transform=transform), BATCH, shuffle=True, drop_last=True, num_workers=workers
    )
    while True:
        yield from loader


def plain_dcgan(root: Path, workers: int) -> Iterator[None]:
    """PyTorch's own DCGAN example."""
    method, criterion = dcgan.DCGAN(dcgan.Config(), SPEC), nn.BCELoss()
    opt_d = Adam(method.D.parameters(), lr=2e-4, betas=(0.5, 0.999))
    opt_g = Adam(method.G.parameters(), lr=2e-4, betas=(0.5, 0.999))
    real, fake = torch.ones(BATCH), torch.zeros(BATCH)
    for x, _ in batches(root, workers):
        method.D.zero_grad()
        belief_real = method.D(x).sigmoid()
        loss_real = criterion(belief_real, real)
        loss_real.backward()
        x_fake = method.G(torch.rand(len(x), 100) * 2 - 1)
        belief_fake = method.D(x_fake.detach()).sigmoid()
        loss_fake = criterion(belief_fake, fake)
        loss_fake.backward()
        opt_d.step()
        method.G.zero_grad()
        loss_g = criterion(method.D(x_fake).sigmoid(), real)
        loss_g.backward()
        opt_g.step()
        _ = [v.mean().item() for v in (belief_real, belief_fake, loss_real + loss_fake, loss_g)]
        yield


def plain_wgan_gp(root: Path, workers: int) -> Iterator[None]:
    """A critic's step with gradient penalty; the generator moves with every fifth."""
    c = wgan_gp.Config()
    method = wgan_gp.WGANGP(c, SPEC)
    opt_d = Adam(method.D.parameters(), lr=1e-4, betas=(0.5, 0.9))
    opt_g = Adam(method.G.parameters(), lr=1e-4, betas=(0.5, 0.9))
    for step, (x, _) in enumerate(batches(root, workers), start=1):
        opt_d.zero_grad()
        x_fake = method.G(torch.randn(len(x), c.z_dim)).detach()
        real, fake = method.D(x), method.D(x_fake)
        eps = torch.rand(len(x), 1, 1, 1)
        between = (eps * x + (1 - eps) * x_fake).requires_grad_()
        (slope,) = torch.autograd.grad(method.D(between).sum(), between, create_graph=True)
        penalty = (slope.flatten(1).norm(dim=1) - 1).square().mean()
        (fake.mean() - real.mean() + 10 * penalty).backward()
        opt_d.step()
        if step % c.n_critic == 0:
            opt_g.zero_grad()
            (-method.D(method.G(torch.randn(len(x), c.z_dim))).mean()).backward()
            opt_g.step()
        _ = [v.item() for v in (real.mean(), fake.mean(), penalty)]
        yield


def plain_sngan(root: Path, workers: int) -> Iterator[None]:
    """A step of hinge losses with spectral normalisation and projection."""
    c = sngan.Config()
    method = sngan.SNGAN(c, SPEC)
    opt_d = Adam(method.D.parameters(), lr=4e-4, betas=(0.0, 0.9))
    opt_g = Adam(method.G.parameters(), lr=2e-4, betas=(0.0, 0.9))
    for x, y in batches(root, workers):
        opt_d.zero_grad()
        x_fake = method.G(torch.randn(len(x), c.z_dim), y)
        real, fake = method.D(x, y), method.D(x_fake.detach(), y)
        loss_d = F.relu(1 - real).mean() + F.relu(1 + fake).mean()
        loss_d.backward()
        opt_d.step()
        opt_g.zero_grad()
        loss_g = -method.D(x_fake, y).mean()
        loss_g.backward()
        opt_g.step()
        _ = [v.item() for v in (loss_d, loss_g, real.mean(), fake.mean())]
        yield


def plain_igpt(root: Path, workers: int) -> Iterator[None]:
    """A step of a language model's training, its words the patches of binary digits."""
    c = igpt.Config()
    method = igpt.ImageGPT(c, SPEC)
    opt = Adam(method.parameters(), lr=c.lr, betas=(0.9, 0.95))
    for x, _ in batches(root, workers):
        tokens = method.tokens(torch.bernoulli((x + 1) / 2))
        begin = torch.full((len(x), 1), method.network.begin)
        opt.zero_grad()
        logits = method.network(torch.cat([begin, tokens[:, :-1]], dim=1))
        loss = F.cross_entropy(logits.flatten(0, 1), tokens.flatten())
        loss.backward()
        opt.step()
        _ = loss.item()
        yield


def plain_glow(root: Path, workers: int) -> Iterator[None]:
    """A flow on dequantised images, and the bits of its likelihood."""
    method = glow.Glow(glow.Config(), SPEC)
    opt = Adam(method.parameters(), lr=1e-3)
    for x, _ in batches(root, workers):
        opt.zero_grad()
        z, logdet = method.mapped(((x * 127.5 + 127.5).round() + torch.rand_like(x)) / 128 - 1)
        normal = -0.5 * (z**2 + math.log(2 * math.pi)).sum(dim=1)
        bits = 7 - (normal + logdet) / (z.shape[1] * math.log(2))
        bits.mean().backward()
        opt.step()
        _ = bits.mean().item()
        yield


PLAIN = {
    "dcgan": plain_dcgan,
    "wgan_gp": plain_wgan_gp,
    "sngan": plain_sngan,
    "igpt": plain_igpt,
    "glow": plain_glow,
}
