"""The order of the images."""

from __future__ import annotations

import torch
from torch import Tensor

from imggen.system.seeds import derive_seed


class ImageOrder:
    """Which images step t sees: consecutive slices of one freshly seeded permutation per epoch."""

    def __init__(self, n: int, batch_size: int, seed: int) -> None:
        self.n, self.batch_size, self.seed = n, batch_size, seed
        self.epoch, self.permutation = -1, torch.empty(0, dtype=torch.int64)

    def __call__(self, step: int) -> Tensor:
        """Indices (batch_size,) of the images of step `step`, counted from 0."""
        first, last = step * self.batch_size, (step + 1) * self.batch_size
        pieces = []
        while first < last:
            epoch, start = divmod(first, self.n)
            stop = min(self.n, start + last - first)
            pieces.append(self._epoch(epoch)[start:stop])
            first += stop - start
        return torch.cat(pieces)

    def _epoch(self, epoch: int) -> Tensor:
        if epoch != self.epoch:
            generator = torch.Generator().manual_seed(derive_seed("order", self.seed, epoch))
            self.epoch, self.permutation = epoch, torch.randperm(self.n, generator=generator)
        return self.permutation
