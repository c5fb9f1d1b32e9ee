"""What critics are held to: the size of their gradient at an image."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def squared_slopes(critic: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """The squared norm (N,) of each value's gradient at its image (N, C, H, W).

    It can be differentiated again. In float32 whatever the precision of the training: slopes of a
    bf16 network are noise. `critic` judges each image by itself, or the gradient would mix them.
    """
    with torch.autocast(x.device.type, enabled=False):
        x = x.detach().float().requires_grad_()
        (slope,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
        return slope.flatten(1).square().sum(dim=1)
