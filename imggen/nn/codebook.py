"""A learnt alphabet: vectors are replaced by the nearest of K codes.

Van den Oord et al. 2017 ([arXiv:1711.00937](https://arxiv.org/abs/1711.00937), section 3 and
appendix A.1); codes that are hardly chosen are put elsewhere, as by Dhariwal et al. 2020
([arXiv:2005.00341](https://arxiv.org/abs/2005.00341)).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SMOOTHING = 1e-5
"""Added to how often each code was chosen."""
RECENT = 100
"""Steps: a code that was chosen within so many counts as used."""


def perplexity(index: Tensor, codes: int) -> Tensor:
    """exp of the entropy of how often each code was chosen: `codes` if all were alike."""
    p = torch.bincount(index.flatten(), minlength=codes) / index.numel()
    return torch.special.entr(p).sum().exp()


class CodeBook(nn.Module):
    """K codes of D numbers, each the moving average of the vectors that chose it."""

    codes: Tensor
    counts: Tensor
    sums: Tensor
    idle: Tensor

    def __init__(self, codes: int, dim: int, decay: float, restart_below: float) -> None:
        super().__init__()
        self.decay, self.restart_below = decay, restart_below
        self.register_buffer("codes", torch.randn(codes, dim))
        self.register_buffer("counts", torch.zeros(codes))  # N
        self.register_buffer("sums", torch.zeros(codes, dim))  # m
        self.register_buffer("idle", torch.full((codes,), RECENT))  # steps since it was chosen

    @torch.no_grad()
    def nearest(self, z: Tensor) -> Tensor:
        """Vectors (M, D) -> the number of the nearest code of each, (M,)."""
        with torch.autocast(z.device.type, enabled=False):
            # |z - e|² but for |z|², which all codes share.
            return (self.codes.square().sum(dim=1) - 2 * z.float() @ self.codes.T).argmin(dim=1)

    @torch.no_grad()
    def update(self, z: Tensor, index: Tensor) -> None:
        """Averages take in vectors (M, D) and their codes (M,); codes hardly chosen restart."""
        chosen = F.one_hot(index, len(self.codes)).to(z.dtype)
        with torch.autocast(z.device.type, enabled=False):
            self.counts.lerp_(chosen.sum(dim=0), 1 - self.decay)
            self.sums.lerp_(chosen.T @ z, 1 - self.decay)
        even = len(z) / len(self.codes)
        dead = self.counts < self.restart_below * even
        others = z[torch.randint(len(z), (len(self.codes),), device=z.device)]
        self.counts.masked_fill_(dead, even)
        self.sums.copy_(torch.where(dead[:, None], even * others, self.sums))
        n = self.counts.sum()
        smoothed = (self.counts + SMOOTHING) / (n + len(self.counts) * SMOOTHING) * n
        self.codes.copy_(self.sums / smoothed[:, None])

    @torch.no_grad()
    def used(self, index: Tensor) -> Tensor:
        """Codes that were chosen now (M,) or within the last steps."""
        self.idle += 1
        self.idle[index] = 0
        return (self.idle < RECENT).sum()


def straight_through(z: Tensor, z_q: Tensor) -> Tensor:
    """The codes, with the slope of what they stand for."""
    return z + (z_q - z).detach()
