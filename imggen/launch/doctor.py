"""`imggen doctor`: what this machine has, and what would stop a run on it.

Nothing is left behind, nothing is downloaded, and no dataset is loaded.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import NamedTuple

from imggen import __version__
from imggen.launch.asked import MOST_SKEW_SECONDS
from imggen.runs.places import checkout, runs
from imggen.system import processor, slurm
from imggen.system.errors import UserError
from imggen.system.files import Json, clock_of

LEAST_FREE_BYTES, PROBE_BYTES, MIB = 500 * 2**20, 16 * 2**20, 2**20
PATIENCE_SECONDS = 10
TOOLS = {
    "git": "manifests name the commit",
    "ssh": "imggen launch ssh",
    "rsync": "imggen launch ssh",
    "tmux": "imggen launch ssh",
    "chromium": "tests of the site in a browser",
    "soffice": "tests of the slides (LibreOffice)",
}
"""Programs that a run does not need, and what does."""


class Finding(NamedTuple):
    """One thing that was looked at."""

    name: str
    says: str
    facts: Json = {}
    stops: str = ""
    """Why no run could go on here, if that is so, and what to do."""


def doctor(json: bool = False, run_dir: Path | None = None, root: Path | None = None) -> int:
    """Python, torch, devices, data, disk, scheduler: what is here, and what would stop a run?

    Exit code 1 when something would. Nothing is left behind and nothing is downloaded.

    Args:
        json: Print JSON for machines.
        run_dir: Where runs are to be kept; default runs/ of this checkout.
        root: Folder that holds the datasets; default $IMGGEN_DATA.
    """
    found = list(look(run_dir or runs(), root))
    stops = [finding.stops for finding in found if finding.stops]
    if json:
        print(_json(found, stops))
    else:
        for finding in found:
            print(f"{'STOP' if finding.stops else 'ok':<5} {finding.name:<10} {finding.says}")
        print("\n".join(f"would stop a run: {stop}" for stop in stops) or "nothing stops a run")
    return 1 if stops else 0


def _json(found: list[Finding], stops: list[str]) -> str:
    parts = {finding.name: {"says": finding.says, **finding.facts} for finding in found}
    return json.dumps({"ok": not stops, "stops": stops, **parts}, indent=2)


def look(run_dir: Path, root: Path | None) -> Iterator[Finding]:
    """All findings, in the order in which they are told."""
    yield _python()
    torch = _torch()
    yield torch
    yield _processors()
    if not torch.stops:  # which reads them
        yield _datasets(root)
    yield from _disk(run_dir)
    yield _scheduler()
    yield _container()
    tools = {name: shutil.which(name) is not None for name in TOOLS}
    missing = [f"{name} ({TOOLS[name]})" for name, here in tools.items() if not here]
    yield Finding("tools", f"not here: {', '.join(missing)}" if missing else "all", tools)


def _python() -> Finding:
    here = f"{sys.version.split()[0]} at {sys.executable}"
    facts = {"version": sys.version.split()[0], "imggen": __version__}
    missing = []
    try:
        wanted = [line for line in requires("imggen") or [] if "extra ==" not in line]
    except PackageNotFoundError:
        wanted = []
    for name in (_distribution(line) for line in wanted):
        try:
            version(name)
        except PackageNotFoundError:
            missing.append(name)
    place = "a checkout" if checkout() else "a wheel"
    stops = f"packages are missing: pip install {' '.join(missing)}." if missing else ""
    return Finding("python", f"{here}; imggen {__version__} from {place}", facts, stops)


def _distribution(line: str) -> str:
    """The name at the start of a requirement."""
    end = next((i for i, letter in enumerate(line) if letter in "<>=!~;[ ("), len(line))
    return line[:end]


def _torch() -> Finding:
    try:
        import torch
    except (ImportError, OSError) as error:
        why = str(error).strip().split("\n")[0]
        return Finding("torch", why, {}, f"torch can't be imported ({why}): install it again.")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    known = [torch.cuda.get_device_properties(index) for index in range(count)]
    gpus = [{"name": about.name, "bytes": about.total_memory} for about in known]
    facts = {"version": torch.__version__, "cuda": torch.version.cuda, "devices": gpus}
    told = ", ".join(f"{about.name} {about.total_memory / 2**30:.0f} GiB" for about in known)
    if not told:
        driver = Path("/dev/nvidiactl").exists()
        told = "a GPU is here, but torch can't use it: see its driver" if driver else "no GPU"
    built = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "built without CUDA"
    return Finding("torch", f"{torch.__version__}, {built}; {told}", facts)


def _processors() -> Finding:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    threads = os.environ.get("OMP_NUM_THREADS")
    slow = processor.emulates_bf16()
    facts: Json = {"cores": os.cpu_count(), "usable": usable, "OMP_NUM_THREADS": threads,
                   "emulates_bf16": slow}  # fmt: skip
    told = f"{usable} of {os.cpu_count()} cores; {threads or 'as many'} threads a process"
    told += "; bf16 is emulated: --train.precision fp32 is faster" if slow else ""
    return Finding("processors", told, facts)


def _datasets(root: Path | None) -> Finding:
    from imggen.data import whole
    from imggen.data.datasets import data_root

    try:
        root = data_root(root)
    except UserError as error:
        return Finding("data", str(error), {}, str(error))
    found = whole.found(root)
    facts = {name: {"state": one.state, "about": one.about} for name, one in found.items()}
    by_state = {
        state: [name for name, one in found.items() if one.state == state]
        for state in ("whole", "damaged", "absent")
    }
    told = "; ".join(f"{state}: {', '.join(names)}" for state, names in by_state.items() if names)
    told += " (what torchvision has is downloaded when asked for)" if by_state["absent"] else ""
    stops = [f"{name} is damaged: {found[name].about}" for name in by_state["damaged"]]
    why = f"{' '.join(stops)} Delete it or copy it again." if stops else ""
    return Finding("data", f"below {root}: {told}", {"root": str(root), **facts}, why)


def _disk(run_dir: Path) -> Iterator[Finding]:
    """Room, speed and clock of the file system on which runs are to be kept."""
    place = run_dir.absolute()
    while not os.path.lexists(place) and place != place.parent:
        try:
            place.lstat()
        except (FileNotFoundError, NotADirectoryError):
            place = place.parent
        except OSError as error:
            why = f"{place} can't be a run directory ({error.strerror}): name another."
            yield Finding("disk", why, {}, why)
            return
    if not place.is_dir():
        yield Finding("disk", f"{place} is no folder", {}, f"{place} is no folder: name another.")
        return
    free = shutil.disk_usage(place).free
    few = f"{free // MIB} MiB are free in {place}: make room, or choose another --run-dir."
    told = f"{free / 2**30:.1f} GiB free in {place}"
    yield Finding("disk", told, {"bytes": free}, few if free < LEAST_FREE_BYTES else "")
    if free < PROBE_BYTES:
        return
    try:
        seconds, skew = _written(place), time.time() - clock_of(place)
    except OSError as error:
        why = f"{place} can't be written ({error.strerror}): choose another --run-dir."
        yield Finding("writing", why, {}, why)
        return
    speed = PROBE_BYTES / MIB / seconds
    yield Finding("writing", f"{speed:.0f} MiB/s, flushed to the disk", {"mib_per_second": speed})
    off = f"the clocks of this machine and of {place} differ by {abs(skew):.0f} s: set them."
    stops = off if abs(skew) > MOST_SKEW_SECONDS else ""
    yield Finding("clock", f"{skew:+.1f} s against the file system", {"seconds": skew}, stops)


def _written(place: Path) -> float:
    """Seconds that a flushed write takes."""
    content = os.urandom(MIB)
    with tempfile.NamedTemporaryFile(dir=place, prefix=".imggen-doctor-") as file:
        begun = time.perf_counter()
        for _ in range(PROBE_BYTES // MIB):
            file.write(content)
        file.flush()
        os.fsync(file.fileno())
        return time.perf_counter() - begun


def _scheduler() -> Finding:
    if shutil.which("sinfo") is None:
        return Finding("scheduler", "none", {"kind": None})
    told = slurm.answer("sinfo", "--version", patience=PATIENCE_SECONDS).strip() or "slurm"
    shown = slurm.answer(
        "sinfo", "--noheader", "--format=%R %a %l %D %G", patience=PATIENCE_SECONDS
    )
    job = os.environ.get("SLURM_JOB_ID")
    rows = [line.split() for line in shown.splitlines()]
    names = ("name", "state", "time_limit", "nodes", "resources")
    partitions = [dict(zip(names, row, strict=False)) for row in rows]
    facts = {"kind": "slurm", "version": told, "partitions": partitions, "job": job}
    of = ", ".join(f"{row[0]} ({row[3]} nodes, {row[2]})" for row in rows if len(row) > 3)
    inside = f"; inside job {job}" if job else ""
    return Finding("scheduler", f"{told}: {of or 'its controller does not answer'}{inside}", facts)


def _container() -> Finding:
    signs: dict[str, Callable[[], bool]] = {
        "Apptainer": lambda: bool({"APPTAINER_CONTAINER", "SINGULARITY_CONTAINER"} & {*os.environ}),
        "Podman": Path("/run/.containerenv").exists,
        "Docker": Path("/.dockerenv").exists,
    }
    kind = next((name for name, sign in signs.items() if sign()), None)
    return Finding("container", kind or "none", {"kind": kind})
