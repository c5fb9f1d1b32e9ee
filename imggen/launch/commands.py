"""The commands of this room, which `imggen launch` hands out."""

from __future__ import annotations

import dataclasses
import json as json_text
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

from imggen.launch.flags import before_dashes
from imggen.launch.slurm import slurm
from imggen.launch.ssh import ssh
from imggen.runs.listing import Listed, listed
from imggen.runs.places import runs as kept_runs
from imggen.system.errors import one_line
from imggen.system.files import Json


def launch() -> int:
    """Starts an experiment on a SLURM cluster (slurm) or another machine (ssh)."""
    commands: Json = {"slurm": slurm, "ssh": ssh}
    code: int = tyro.extras.subcommand_cli_from_dict(
        commands,
        prog="imggen launch",
        args=before_dashes()[1:],
        description="Starts an experiment elsewhere; its own flags follow after --.",
    )
    return code


def runs(
    folders: Annotated[Positional[tuple[Path, ...]], tyro.conf.arg(metavar="FOLDER ...")] = (),
    json: bool = False,
) -> int:
    """Lists runs: queued, running, interrupted, finished or failed, and why.

    Args:
        folders: Run directories or folders that hold some; default runs/ of this checkout.
        json: Print JSON for machines.
    """
    if not folders and not kept_runs().is_dir():
        found = list[Listed]()
    else:
        found = listed(folders or (kept_runs(),))
    if json:
        print(json_text.dumps([dataclasses.asdict(each) for each in found], indent=2))
    elif not found:
        print("no runs here")
    else:
        _table(found)
    return 0


def _table(found: list[Listed]) -> None:
    names = [one_line(each.name) for each in found]
    width = max(map(len, names))
    print(f"{'run':<{width}}  {'state':<11}  {'step':>15}  {'images/s':>8}  {'left':>8}")
    for name, each in zip(names, found, strict=True):
        step = f"{each.step}/{each.steps}" if each.steps is not None else "-"
        pace = f"{each.images_per_second:.0f}" if each.images_per_second is not None else ""
        left = _duration(each.seconds_left) if each.seconds_left is not None else ""
        line = f"{name:<{width}}  {each.state:<11}  {step:>15}  {pace:>8}  {left:>8}"
        print(f"{line}  {one_line(each.reason)}".rstrip())


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02}" if minutes >= 60 else f"{minutes} min"
