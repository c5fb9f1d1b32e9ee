"""The machine: which device to train on, what to call it, and what to ask of torch on it."""

from __future__ import annotations

import ctypes
import platform

import torch

from imggen.system import compiler, processor
from imggen.system.errors import UserError
from imggen.system.world import World

# Parameters of glibc's mallopt (malloc.h).
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3


def choose_device(name: str, world: World | None = None) -> torch.device:
    """The torch device that `name` means; of several processes each has a GPU of its own.

    Raises: UserError for an unknown name, CUDA where there is none, or too few GPUs.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UserError(f"Unknown device {name!r}: use auto, cpu or cuda.") from error
    if device.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if world is not None and world.size > 1:
            # Clusters may show each process the one GPU that it was given.
            device = torch.device("cuda", 0 if count == 1 else world.local_rank)
            if 1 < count <= world.local_rank:
                raise UserError(
                    f"Process {world.local_rank} of this machine has no GPU: torch sees {count}. "
                    "Start as many processes as there are GPUs."
                )
        if (device.index or 0) >= count:
            raise UserError(
                f"--train.device {name} was asked for, but torch sees {count} CUDA devices here: "
                "use --train.device cpu, or install a CUDA build of torch and its driver."
            )
    elif device.type != "cpu":
        raise UserError(f"Device {name!r} is not supported: use auto, cpu or cuda.")
    return device


def device_name(device: torch.device) -> str:
    """What a reader calls the device: the GPU's name, or the processor's with its thread count."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{processor.name()}, {torch.get_num_threads()} threads"


def seed_torch(seed: int, device: torch.device) -> None:
    """Seeds torch's generator of the processor, and those of all GPUs where one is in use.

    `torch.manual_seed` also writes down the stack for each kind of accelerator that is not in use,
    which takes a hundred times as long as seeding.
    """
    if device.type == "cpu":
        torch.default_generator.manual_seed(seed)
    else:
        torch.manual_seed(seed)


def prepare_torch() -> None:
    """What a process asks for before it trains, as early as it can: before threads are started."""
    compiler.leave_optimizers_alone()
    forget_tiny_numbers()
    keep_freed_memory()


def forget_tiny_numbers() -> None:
    """Denormal numbers (below 1e-38, which float32 writes with ever fewer digits) become 0.

    A product with one takes the processor a hundred times as long, and a softmax whose terms lie
    far apart is full of them: an IWAE of 50 latents trains six times as fast without. Threads take
    this over from the one that starts them: those that torch has already keep theirs.
    """
    torch.set_flush_denormal(True)


def forgets_tiny_numbers() -> bool:
    """Whether this thread's products of float32 below 1e-38 are 0."""
    return (torch.tensor(1e-30) * 1e-10).item() == 0


def keep_freed_memory() -> None:
    """Tells glibc's malloc to keep freed memory for the next step instead of returning it.

    A training step on the CPU frees and asks again for the same tensors of several MB. By default
    each trip to the kernel and back costs thousands of page faults (7,000 a step for a DCGAN with
    batches of 128, a sixth of its time). Peak memory stays the same. Other systems: no effect.
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        # Older versions take no more than 32 MB. Without this limit, the one below would make
        # things worse: setting either ends malloc's own adjustment of both.
        if libc.mallopt(M_MMAP_THRESHOLD, 2**30) or libc.mallopt(M_MMAP_THRESHOLD, 2**25):
            libc.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
