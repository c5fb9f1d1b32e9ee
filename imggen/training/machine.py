"""The processes and devices that a run is trained on, and what is said when they change."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from imggen.runs.settings import as_json
from imggen.system.device import choose_device, device_name, forgets_tiny_numbers
from imggen.system.distributed import connect, refuse_unlike
from imggen.system.files import Json, sha256_json
from imggen.system.world import World, read_environment
from imggen.training.config import TrainConfig


def meet(config: TrainConfig, identity: Json) -> tuple[World, torch.device]:
    """Joins the other processes, if there are any, and gives this one its device.

    Raises: UserError when they differ in what they are to do, or when devices are too few.
    """
    config.refuse_undivided(read_environment().size)
    world = connect(config.device)
    device = choose_device(config.device, world)
    task = sha256_json([identity, as_json(config)])
    refuse_unlike({"version of torch": torch.__version__, "settings or code": task}, device, world)
    return world, device


def machine(device: torch.device, world: World) -> Json:
    """The facts of a manifest about devices, processes and their arithmetic."""
    denormals = "zero" if forgets_tiny_numbers() else "kept"
    return {"device": device_name(device), "world_size": world.size, "denormals": denormals}


def take_own(buffers: Iterable[Tensor], by_rank: Sequence[Sequence[Tensor]], world: World) -> None:
    """Gives a rank the buffers that it had where all were stopped.

    With another number of ranks than then all keep those of rank 0.
    """
    if len(by_rank) == world.size:
        for buffer, own in zip(buffers, by_rank[world.rank], strict=True):
            buffer.copy_(own)


def other_machine(before: Json, now: Json) -> str:
    """A sentence where a run goes on elsewhere than it began; empty where it does not."""
    was, is_now = _told(before), _told(now)
    if was == is_now:
        return ""
    return (
        f"so far trained on {was}, from here on {is_now}: "
        "it will not end with the bits that either would have ended with alone"
    )


def _told(facts: Json) -> str:
    """The device, how many of them where there are several, and whether it kept tiny numbers."""
    size, kept = facts.get("world_size") or 1, facts.get("denormals") != "zero"
    device = f"{size} x {facts.get('device')}" if size > 1 else str(facts.get("device"))
    return f"{device} with denormal numbers" if kept else device
