"""What one generated image costs, measured while it is drawn."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from imggen.runs.sampling import SEED, Trained, conditions, draw, fixed_latents
from imggen.system.device import device_name

COUNTED, TIMED = 16, 256
"""Images that are drawn to count passes and operations, and to take the time."""


def sampling_cost(trained: Trained) -> dict[str, float | str]:
    """Network passes, FLOPs (two for a multiplication with addition) and ms of one image.

    A pass is a call of one of the method's own networks with one image; of several networks the
    one that is called most often counts. Guidance, which asks a network twice, counts twice.
    """
    from torch.utils.flop_counter import FlopCounterMode  # imports Triton, a compiler

    with FlopCounterMode(display=False) as flops:
        passes = network_passes(trained)
    z, y = _asked(trained, TIMED)
    started = time.perf_counter()
    draw(trained, z, y)
    seconds = time.perf_counter() - started
    return {
        "network_passes": passes,
        "flops_per_image": flops.get_total_flops() / COUNTED,
        "ms_per_image": round(1000 * seconds / TIMED, 4),
        "device": device_name(next(trained.method.parameters()).device),
    }


def network_passes(trained: Trained) -> float:
    """Network passes of one image, as `sampling_cost` tells what a pass is."""
    passes = _Passes(trained.method.named_children())
    with passes:
        draw(trained, *_asked(trained, COUNTED))
    return passes.most() / COUNTED


def _asked(trained: Trained, n: int) -> tuple[Tensor, Tensor | None]:
    """Latents and conditions of the `n` images whose cost is taken."""
    return fixed_latents(trained.method, n, "cost"), conditions(trained, n, SEED)


class _Passes:
    """Counts the rows that each network is given inside the block."""

    def __init__(self, networks: Iterable[tuple[str, nn.Module]]) -> None:
        self.networks = dict(networks)
        self.rows: Counter[str] = Counter()
        self.handles: list[torch.utils.hooks.RemovableHandle] = []

    def most(self) -> int:
        """Rows of the network that saw most of them."""
        return max(self.rows.values(), default=0)

    def __enter__(self) -> _Passes:
        for name, network in self.networks.items():

            def count(_: nn.Module, given: tuple[object, ...], name: str = name) -> None:
                tensors = [value for value in given if isinstance(value, Tensor)]
                self.rows[name] += len(tensors[0]) if tensors and tensors[0].ndim else 1

            self.handles.append(network.register_forward_pre_hook(count))
        return self

    def __exit__(self, *_: object) -> None:
        for handle in self.handles:
            handle.remove()
