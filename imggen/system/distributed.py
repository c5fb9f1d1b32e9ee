"""Several processes as one: torchrun, SLURM or none; gradients averaged explicitly.

Parameters are not wrapped. Each rank computes its own gradients and `average_gradients` reduces
them in one flat buffer, so penalties and several backward passes a step need nothing special.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterable, Iterator, Sequence

import torch
import torch.distributed as dist
from torch import Tensor

from imggen.system import signals
from imggen.system.errors import UserError
from imggen.system.world import World, read_environment


def connect(device: torch.device) -> World:
    """Joins the process group when there is more than one process."""
    world = read_environment()
    if world.size > 1 and not dist.is_initialized():
        os.environ.setdefault("MASTER_ADDR", "127.0.0.1")
        os.environ.setdefault("MASTER_PORT", "29500")
        backend = "nccl" if device.type == "cuda" else "gloo"
        # Python's handlers do not run while it waits for the others: signals end it at once.
        with signals.handled((*signals.STOP, "SIGINT"), signal.SIG_DFL):
            dist.init_process_group(backend, rank=world.rank, world_size=world.size)
    return world


def disconnect(wait: bool) -> None:
    """Leaves the process group, if there is one; `wait` for the other ranks when all went well.

    A gloo rank that leaves while another still talks to it may abort at its exit.
    """
    if dist.is_initialized():
        if wait:
            dist.barrier()
        dist.destroy_process_group()


@contextlib.contextmanager
def talking() -> Iterator[None]:
    """Around what the ranks say to each other. Raises: UserError when one does not answer."""
    try:
        yield
    except RuntimeError as error:
        reason = str(error).strip().split("\n")[0]
        raise UserError(
            "Another process of this run ended or can't be reached: read what it said, and start "
            f"the same command again, which goes on from the last checkpoint ({reason})."
        ) from error


def average_gradients(parameters: Sequence[Tensor], world: World) -> None:
    """Replaces each `.grad` by its mean over the ranks; a missing gradient counts as zero."""
    if world.size == 1:
        return
    gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
    flat = torch.cat([g.reshape(-1) for g in gradients])
    with talking():
        dist.all_reduce(flat)
    flat /= world.size
    for parameter, gradient, mean in zip(
        parameters, gradients, flat.split([g.numel() for g in gradients]), strict=True
    ):
        parameter.grad = gradient.copy_(mean.view_as(gradient))


def any_rank(flags: Sequence[bool], device: torch.device, world: World) -> list[bool]:
    """For each flag, whether it is set on at least one rank."""
    if world.size == 1:
        return list(flags)
    votes = torch.tensor(flags, dtype=torch.int32, device=device)
    with talking():
        dist.all_reduce(votes)
    return [bool(vote) for vote in votes.tolist()]


def broadcast(tensors: Iterable[Tensor], world: World) -> None:
    """Gives every rank the tensors of rank 0."""
    if world.size > 1:
        with talking():
            for tensor in tensors:
                dist.broadcast(tensor, src=0)
