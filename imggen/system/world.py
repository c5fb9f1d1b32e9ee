"""Which of several processes this one is, and where they meet."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import struct
from dataclasses import dataclass

from imggen.system import slurm
from imggen.system.errors import UserError

LOOPBACK = "127.0.0.1"
TORCHRUN = "TORCHELASTIC_RUN_ID"
"""Set by torchrun, which starts and ends its processes itself."""
PORTS = range(20_000, 30_000)
"""Where the processes of a SLURM step meet: below the ports that systems give out by themselves."""
SIOCGIFADDR = 0x8915


@dataclass(frozen=True)
class World:
    """This process's place among `size` processes."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @property
    def is_main(self) -> bool:
        """Whether this process writes files and prints."""
        return self.rank == 0


def read_environment() -> World:
    """The world that torchrun (RANK, WORLD_SIZE) or srun (SLURM_PROCID, SLURM_NTASKS) describes.

    Raises: UserError when what they say makes no sense.
    """
    environ = os.environ
    if "RANK" in environ and "WORLD_SIZE" in environ:
        keys = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
    elif "SLURM_PROCID" in environ and "SLURM_STEP_ID" in environ:
        tasks = "SLURM_STEP_NUM_TASKS" if "SLURM_STEP_NUM_TASKS" in environ else "SLURM_NTASKS"
        keys = ("SLURM_PROCID", tasks, "SLURM_LOCALID")
    else:
        return World()
    said = {key: environ.get(key, default) for key, default in zip(keys, "010", strict=True)}
    numbers = [
        int(text) if re.fullmatch(r"\d{1,9}", text, re.ASCII) else -1 for text in said.values()
    ]
    world = World(*numbers)
    if not 0 <= world.rank < world.size or world.local_rank < 0:
        told = ", ".join(f"{key}={text}" for key, text in said.items())
        raise UserError(
            f"The environment describes no process among others ({told}): start it with torchrun "
            "or srun, or unset these variables."
        )
    return world


def name_meeting_point() -> None:
    """Sets MASTER_ADDR, MASTER_PORT and gloo's network interface where nobody else did.

    torchrun sets the first two. srun sets none: the first node of the step's list is taken, and a
    port made of the numbers of job and step, so that two jobs on one node do not meet.

    Raises: UserError when the first node can't be found.
    """
    environ = os.environ
    if "MASTER_ADDR" not in environ:
        environ["MASTER_ADDR"] = _first_node_address()
    job, step = (environ.get(f"SLURM_{key}", "0") for key in ("JOB_ID", "STEP_ID"))
    number = int(job) * 7 + int(step) if job.isdecimal() and step.isdecimal() else 0
    environ.setdefault("MASTER_PORT", str(PORTS[number % len(PORTS)]))
    if "GLOO_SOCKET_IFNAME" not in environ:
        name = interface_towards(environ["MASTER_ADDR"])
        if name is not None:
            environ["GLOO_SOCKET_IFNAME"] = name


def _first_node_address() -> str:
    environ = os.environ
    nodes = environ.get("SLURM_STEP_NODELIST") or environ.get("SLURM_JOB_NODELIST") or ""
    count = environ.get("SLURM_STEP_NUM_NODES") or environ.get("SLURM_JOB_NUM_NODES") or "1"
    if not nodes or count == "1":
        return LOOPBACK
    name = first_node(nodes)
    for candidate in (name, _slurm_address(name)):
        with contextlib.suppress(OSError):
            return socket.gethostbyname(candidate)
    raise UserError(
        f"The first node {name} of {nodes} has no address that this machine can find: set "
        "MASTER_ADDR to one that all nodes can reach."
    )


def first_node(nodes: str) -> str:
    """The first of a SLURM list of nodes: gpu07 of gpu[07-09,12],cpu1."""
    found = re.match(r"(?:[^,\[]|\[[^\]]*\])+", nodes)
    return re.sub(r"\[([^\],-]+)[^\]]*\]", r"\1", found[0] if found else nodes)


def _slurm_address(name: str) -> str:
    """The address that SLURM itself uses for a node: its name need not be known to anybody else."""
    found = re.search(r"\bNodeAddr=(\S+)", slurm.answer("scontrol", "show", "node", name))
    return found[1] if found else name


def interface_towards(address: str) -> str | None:
    """The network interface by which this machine reaches another (itself included), if known.

    Gloo takes the interface of the machine's own name, which need not lead anywhere.
    """
    try:
        import fcntl

        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((address, 9))  # sends nothing
            own = probe.getsockname()[0]
            if own.startswith("127."):
                own = LOOPBACK
            for _, name in socket.if_nameindex():
                with contextlib.suppress(OSError):  # an interface without an address
                    request = struct.pack("256s", name.encode()[:15])
                    answer = fcntl.ioctl(probe.fileno(), SIOCGIFADDR, request)
                    if socket.inet_ntoa(answer[20:24]) == own:
                        return name
    except (ImportError, OSError):
        pass
    return None
