"""A learnt alphabet: vectors are replaced by the nearest of K codes.

Van den Oord et al. 2017 ([arXiv:1711.00937](https://arxiv.org/abs/1711.00937), section 3 and
appendix A.1); codes that are hardly chosen are put elsewhere, as by Dhariwal et al. 2020
([arXiv:2005.00341](https://arxiv.org/abs/2005.00341)).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import SGD

SCALE = 2.0**-40
"""Of the averages' loss: its gradient is so small that clipping never touches it."""
RECENT = 100
"""Steps: a code that was chosen within so many counts as used."""


def perplexity(index: Tensor, codes: int) -> Tensor:
    """exp of the entropy of how often each code was chosen: `codes` if all were alike."""
    p = F.one_hot(index.flatten(), codes).float().mean(dim=0)
    return torch.special.entr(p).sum().exp()


class CodeBook(nn.Module):
    """K codes of D numbers, each the moving average of the vectors that chose it.

    Averages move by plain gradient descent on half their squared distance from what a batch says:
    N - (1 - decay) (N - n) is the average, and the training loop takes the mean over processes.
    """

    idle: Tensor

    def __init__(self, codes: int, dim: int, decay: float, restart_below: float) -> None:
        super().__init__()
        self.decay, self.restart_below = decay, restart_below
        self.counts = nn.Parameter(torch.ones(codes))  # N, where 1 is an even use
        self.sums = nn.Parameter(torch.randn(codes, dim))  # m
        self.register_buffer("idle", torch.full((codes,), RECENT))  # steps since it was chosen
        self.lr = (1 - decay) / SCALE
        self.opt = SGD(self.parameters(), lr=self.lr)

    @property
    def codes(self) -> Tensor:
        """m / N, (K, D)."""
        return (self.sums / self.counts[:, None]).detach()

    @torch.no_grad()
    def nearest(self, z: Tensor) -> Tensor:
        """Vectors (M, D) -> the number of the nearest code of each, (M,)."""
        codes = self.codes
        with torch.autocast(z.device.type, enabled=False):
            # |z - e|² but for |z|², which all codes share.
            return (codes.square().sum(dim=1) - 2 * z.float() @ codes.T).argmin(dim=1)

    def loss(self, z: Tensor, index: Tensor, *, anew: bool = False) -> Tensor:
        """What a step of `opt` lowers: vectors (M, D) and their codes (M,) enter the averages.

        Codes hardly chosen, or with `anew` all, are put on a vector of the batch instead.
        """
        even = len(z) / len(self.counts)
        chosen = F.one_hot(index, len(self.counts)).to(z.dtype) / even
        with torch.autocast(z.device.type, enabled=False):
            counts, sums = chosen.sum(dim=0), chosen.T @ z
        dead = (self.counts < self.restart_below) | anew
        others = z[torch.randint(len(z), (len(self.counts),), device=z.device)]
        counts, sums = torch.where(dead, 1.0, counts), torch.where(dead[:, None], others, sums)
        # A whole step for those that are put elsewhere.
        weight = torch.where(dead, 1 / (1 - self.decay), 1.0)
        distance = (self.counts - counts).square() + (self.sums - sums).square().sum(dim=1)
        return SCALE * 0.5 * (weight * distance).sum()

    @torch.no_grad()
    def used(self, index: Tensor) -> Tensor:
        """Codes that were chosen now (M,) or within the last steps."""
        self.idle += 1
        self.idle[index] = 0
        return (self.idle < RECENT).sum()


def straight_through(z: Tensor, z_q: Tensor) -> Tensor:
    """The codes, with the slope of what they stand for."""
    return z + (z_q - z).detach()
