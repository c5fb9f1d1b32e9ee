"""What Linux says about the processor; elsewhere little is known."""

from __future__ import annotations

import platform
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
BF16 = {"avx512_bf16", "avx_ne_convert", "amx_bf16", "bf16"}
"""Flags of the instructions that work on bf16; the last is ARM's."""


def name() -> str:
    """Its model, as far as that is known."""
    return next(iter(_listed("model name")), platform.processor() or platform.machine())


def emulates_bf16() -> bool:
    """Is bf16 slower than float32 here, for want of instructions? False where nothing is known."""
    flags = next(iter(_listed("flags") + _listed("Features")), "").split()
    return bool(flags) and BF16.isdisjoint(flags)


def _listed(key: str) -> list[str]:
    """What a field of /proc/cpuinfo says, once for each core."""
    lines = CPUINFO.read_text().splitlines() if CPUINFO.exists() else []
    fields = (line.partition(":") for line in lines)
    return [value.strip() for found, _, value in fields if found.strip() == key]
