"""Several processes as one: torchrun, SLURM or none; gradients averaged explicitly.

Parameters are not wrapped. Each rank computes its own gradients and `average_gradients` reduces
them in one flat buffer, so penalties and several backward passes a step need nothing special.

Rank 0 alone reads files: what it finds goes to the others by `from_main`.
"""

from __future__ import annotations

import datetime
import io
import json
import os
import signal
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence

import torch
import torch.distributed as dist
from torch import Tensor

from imggen.system import peers, signals
from imggen.system.errors import UserError
from imggen.system.files import Json
from imggen.system.world import World, name_meeting_point, read_environment

PATIENCE = datetime.timedelta(minutes=10)
"""How long a process waits for one that says nothing and whose end nobody reports."""


def connect(device: str = "auto") -> World:
    """Joins the others when there is more than one process; `device` as `choose_device` takes it.

    Raises: UserError when they do not find each other.
    """
    world = read_environment()
    if world.size == 1 or dist.is_initialized():
        return world
    peers.meeting()
    name_meeting_point()
    cuda = device != "cpu" and torch.cuda.is_available()
    try:
        # Python's handlers do not run while it waits for the others: signals end it at once.
        with signals.handled((*signals.STOP, "SIGINT"), signal.SIG_DFL):
            found = dist.rendezvous("env://", world.rank, world.size, timeout=PATIENCE)
            # torchrun may keep its board from one attempt to the next, with what was said there.
            attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
            store = dist.PrefixStore(f"attempt {attempt}", next(found)[0])
            peers.join(store, store.clone(), world)
            dist.init_process_group(
                "cpu:gloo,cuda:nccl" if cuda else "gloo",
                store=dist.PrefixStore("group", store),
                rank=world.rank,
                world_size=world.size,
                timeout=PATIENCE,
            )
    except (RuntimeError, ValueError) as error:
        reason = str(error).strip().split("\n")[0]
        raise UserError(
            f"The {world.size} processes of this run did not find each other at "
            f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}: see what else was said, or "
            f"set MASTER_ADDR, MASTER_PORT or GLOO_SOCKET_IFNAME ({reason})."
        ) from error
    return world


def disconnect() -> None:
    """Leaves the others, if there are any, when all went well and all have come so far.

    A gloo rank that leaves while another still talks to it may abort at its exit.
    """
    if dist.is_initialized():
        peers.peers().wait_for_all()
        peers.peers().part()
        dist.destroy_process_group()


def from_main(make: Callable[[], Json | None], world: World) -> Json | None:
    """What rank 0 makes, on every rank: nested dicts, lists and tuples of tensors and values.

    The others wait as long as it takes, and end when rank 0 does.
    """
    if world.size == 1:
        return make()
    content = torch.empty(0, dtype=torch.uint8)
    value = None
    if world.is_main:
        value, buffer = make(), io.BytesIO()
        torch.save(value, buffer)
        content = torch.frombuffer(buffer.getbuffer(), dtype=torch.uint8)
    peers.peers().wait_for_all()
    size = torch.tensor(len(content))
    broadcast([size], world)
    content = content if world.is_main else torch.empty(int(size), dtype=torch.uint8)
    broadcast([content], world)
    if world.is_main:
        return value
    return torch.load(io.BytesIO(content.numpy()), map_location="cpu", weights_only=True)


def refuse_unlike(facts: Mapping[str, str], device: torch.device, world: World) -> None:
    """Raises UserError when a fact differs between ranks, or when two of them share a GPU."""
    if world.size == 1:
        return
    host, own = socket.gethostname(), {**facts, "kind of device": device.type}
    gpu = str(torch.cuda.get_device_properties(device).uuid) if device.type == "cuda" else None
    said = peers.peers().gather(json.dumps({"host": host, "gpu": gpu, "facts": own}))
    others = [json.loads(text) for text in said]
    for rank, other in enumerate(others):
        for name, value in others[0]["facts"].items():
            if other["facts"][name] != value:
                raise UserError(
                    f"The processes of this run differ in their {name}: {value} of process 0 on "
                    f"{others[0]['host']}, {other['facts'][name]} of process {rank} on "
                    f"{other['host']}; give all the same."
                )
        places = [(before["host"], before["gpu"]) for before in others[:rank]]
        if other["gpu"] is not None and (other["host"], other["gpu"]) in places:
            raise UserError(
                f"Processes {places.index((other['host'], other['gpu']))} and {rank} have one GPU "
                f"of {other['host']} between them: start as many processes as there are GPUs."
            )


def average_gradients(parameters: Sequence[Tensor], world: World) -> None:
    """Replaces each `.grad` by its mean over the ranks; a missing gradient counts as zero."""
    if world.size == 1:
        return
    gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
    flat = torch.cat([g.reshape(-1) for g in gradients])
    with peers.talking():
        dist.all_reduce(flat)
    flat /= world.size
    for parameter, gradient, mean in zip(
        parameters, gradients, flat.split([g.numel() for g in gradients]), strict=True
    ):
        parameter.grad = gradient.copy_(mean.view_as(gradient))


def any_rank(flags: Sequence[bool], world: World) -> list[bool]:
    """For each flag, whether it is set on at least one rank.

    Processors agree on it: no GPU is waited for.
    """
    if world.size == 1:
        return list(flags)
    votes = torch.tensor(flags, dtype=torch.int32)
    with peers.talking():
        dist.all_reduce(votes)
    return [bool(vote) for vote in votes.tolist()]


def as_main_says(sentence: str, world: World) -> str:
    """Rank 0's sentence, on every rank, once all have come here."""
    return sentence if world.size == 1 else peers.peers().gather(sentence)[0]


def broadcast(tensors: Iterable[Tensor], world: World) -> None:
    """Gives every rank the tensors of rank 0."""
    if world.size > 1:
        with peers.talking():
            for tensor in tensors:
                dist.broadcast(tensor, src=0)


def of_all(tensors: Iterable[Tensor], world: World) -> list[list[Tensor]]:
    """By rank, copies of its tensors; alone nobody asks for them: nothing."""
    if world.size == 1:
        return []
    own = list(tensors)
    by_rank = [[tensor.clone() for tensor in own] for _ in range(world.size)]
    with peers.talking():
        for rank, copies in enumerate(by_rank):
            for tensor in copies:
                dist.broadcast(tensor, src=rank)
    return by_rank


def average(values: Mapping[str, Tensor], world: World) -> dict[str, Tensor]:
    """The mean over the ranks of numbers () that all of them have."""
    if world.size == 1 or not values:
        return dict(values)
    means = torch.stack(list(values.values()))
    with peers.talking():
        dist.all_reduce(means)
    return dict(zip(values, (means / world.size).unbind(), strict=True))
