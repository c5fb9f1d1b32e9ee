"""What a SLURM cluster offers, and whether it is enough: asked before anything is submitted."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from imggen.system import slurm
from imggen.system.errors import UserError

UNLIMITED, USUAL_SECONDS, USUAL_TASKS = math.inf, 4 * 3600.0, 1001
GPUS = re.compile(r"gpu(?::[^:,()]+)?:(\d+)")
"""In a node's resources: gpu:2 or gpu:a100:4(S:0-1)."""


@dataclass(frozen=True)
class Node:
    """A node as a partition offers it."""

    name: str
    cpus: int
    gpus: int


@dataclass(frozen=True)
class Partition:
    """A partition of the cluster."""

    name: str
    seconds: float
    """The longest time limit."""
    nodes: tuple[Node, ...]


def seconds_of(text: str) -> float:
    """Seconds of a time as SLURM writes it: minutes, M:S, H:M:S, D-H, D-H:M, D-H:M:S, infinite.

    Raises: UserError for anything else.
    """
    if text.lower() in ("infinite", "unlimited"):
        return UNLIMITED
    found = re.fullmatch(r"(?:(\d+)-)?(\d+)(?::(\d+))?(?::(\d+))?", text, re.ASCII)
    if found is None:
        raise UserError(f"--time {text} is no time: give hours:minutes:seconds, as in 04:00:00.")
    days, *parts = (int(part) if part else None for part in found.groups())
    given = [part for part in parts if part is not None]
    if days is not None:
        hours, minutes, seconds = (*given, 0, 0)[:3]
        return ((days * 24 + hours) * 60 + minutes) * 60.0 + seconds
    if len(given) == 3:
        return (given[0] * 60 + given[1]) * 60.0 + given[2]
    return given[0] * 60.0 + (given[1] if len(given) == 2 else 0)


def slurm_time(seconds: float) -> str:
    """A time as SLURM reads it: H:M:S."""
    minutes = math.floor(seconds / 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:00"


def time_limit(text: str | None, partition: Partition) -> float:
    """Seconds of a turn, of some hours where nothing is said.

    Raises: UserError for more than the partition allows.
    """
    if text is None:
        return min(USUAL_SECONDS, partition.seconds)
    seconds = seconds_of(text)
    if seconds > partition.seconds:
        raise UserError(
            f"--time {text} is more than partition {partition.name} allows "
            f"({slurm_time(partition.seconds)})."
        )
    return seconds


def partitions() -> tuple[dict[str, Partition], str | None]:
    """All partitions by name, and the default one's name. Raises: UserError without SLURM."""
    limits, nodes, default = dict[str, float](), dict[str, list[Node]](), None
    for line in slurm.ask("sinfo", "-h", "-N", "-o", "%P|%l|%c|%G|%N").splitlines():
        name, limit, cpus, resources, node = (part.strip() for part in line.split("|"))
        if name.endswith("*"):
            name = default = name[:-1]
        gpus = sum(int(n) for n in GPUS.findall(resources))
        limits[name] = seconds_of(limit)
        nodes.setdefault(name, []).append(Node(node, int(cpus.rstrip("+")), gpus))
    return {name: Partition(name, limits[name], tuple(nodes[name])) for name in limits}, default


def most_tasks() -> int:
    """How many tasks the longest array has, the first of which is 0."""
    told = slurm.answer("scontrol", "show", "config")
    found = re.search(r"^MaxArraySize\s*=\s*(\d+)", told, re.MULTILINE)
    return int(found[1]) if found else USUAL_TASKS


def chosen(name: str | None) -> Partition:
    """The partition that is asked for, or the default one. Raises: UserError for an unknown one."""
    there, default = partitions()
    names = ", ".join(sorted(there)) or "none"
    if name is None and default is None:
        raise UserError(f"This cluster has no default partition: name one of {names}.")
    wanted = default if name is None else name
    if wanted not in there:
        raise UserError(f"There is no partition {wanted}: --partition is one of {names}.")
    return there[str(wanted)]


def refuse_too_little(partition: Partition, *, nodes: int, cpus: int, gpus: int) -> None:
    """Raises UserError when the partition has no such nodes; `cpus` and `gpus` are of each node."""
    there = partition.nodes
    if nodes > len(there):
        raise UserError(f"--nodes {nodes}: partition {partition.name} has {len(there)}.")
    for flag, unit, asked, has in (
        ("--gpus", "GPUs", gpus, [node.gpus for node in there]),
        ("--cpus", "CPUs", cpus, [node.cpus for node in there]),
    ):
        if sum(n >= asked for n in has) < nodes:
            where = "a node" if nodes == 1 else f"each of {nodes} nodes"
            most = sorted(has)[-nodes]
            instead = "; --gpus 0 trains on the CPUs" if unit == "GPUs" and not most else ""
            raise UserError(
                f"Partition {partition.name} has at most {most} {unit} on {where}, and {asked} are "
                f"asked for ({flag}){instead}."
            )
