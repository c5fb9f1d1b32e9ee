"""What a script of experiments/ would do with these flags, asked before it is sent anywhere."""

from __future__ import annotations

import os
import runpy
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

from imggen.launch.remote import refuse_slug
from imggen.runs.places import runs
from imggen.system.early import run_dir
from imggen.system.errors import UserError
from imggen.system.files import clock_of, probe

LEAST_ROOM = 64 * 1024**2
"""Bytes that a run directory's disk must have left: a checkpoint or two."""
MOST_SKEW_SECONDS = 30.0
"""By which the clock of a run directory's disk may be off."""


class Training(Protocol):
    """What a launch needs to know of a TrainConfig."""

    batch_size: int
    checkpoint_seconds: float

    def check(self) -> None: ...


class Options(Protocol):
    """What a launch needs to know of an experiment's options."""

    train: Training
    run_dir: Path | None


class Trains(Protocol):
    """An experiment: it says what its flags mean. Studies have a slug alone."""

    slug: str

    def parse(self, args: list[str]) -> Options: ...


@dataclass(frozen=True)
class Asked:
    """A script with flags."""

    script: Path
    flags: tuple[str, ...]
    slug: str
    run_dir: Path
    training: Training | None
    """None for a study, which reads its flags itself."""


def ask(script: Path, flags: tuple[str, ...]) -> Asked:
    """Reads the script and its flags, as it would itself.

    Raises: UserError when it does not exist or is no experiment; SystemExit for a flag that it
    does not know, which is told.
    """
    refuse_no_script(script)
    if script.suffix != ".py":
        raise UserError(f"{script} is no Python script: name one of experiments/.")
    try:
        experiment = runpy.run_path(str(script))["experiment"]
    except (Exception, SystemExit) as error:
        reason = str(error).strip().split("\n")[0]
        raise UserError(
            f"{script} can't be read as an experiment ({type(error).__name__}: {reason})."
        ) from error
    slug = getattr(experiment, "slug", None)
    if not isinstance(slug, str):
        raise UserError(f"{script} holds no experiment: its `experiment` has no slug.")
    refuse_slug(slug)
    training, folder = None, run_dir(list(flags))
    if hasattr(experiment, "parse"):
        options = _parsed(cast(Trains, experiment), script, flags)
        training, folder = options.train, options.run_dir
    if folder == Path():
        raise UserError("--run-dir names no folder but this one: give the run one of its own.")
    return Asked(script.resolve(), flags, slug, (folder or runs() / slug).absolute(), training)


def refuse_no_script(script: Path) -> None:
    """Raises UserError when there is no such file, or a name that Python takes for a flag."""
    if not os.path.isfile(script) or script.name.startswith("-"):  # also for names too long
        raise UserError(f"There is no script {script}: name one of experiments/.")


def _parsed(experiment: Trains, script: Path, flags: tuple[str, ...]) -> Options:
    program, sys.argv[0] = sys.argv[0], script.name  # whose flags a refusal speaks of
    try:
        options = experiment.parse(list(flags))
    finally:
        sys.argv[0] = program
    options.train.check()
    return options


def refuse_unwritable_run(folder: Path, *, make: bool) -> None:
    """Raises UserError when nothing can be kept there; `make` it to be sure, or only look."""
    try:
        if make:
            probe(folder / "attempts.json")
        above = folder
        while not above.exists():
            above = above.parent
        if not above.is_dir():
            raise UserError(f"The run directory {folder} can't be made: {above} is a file.")
        if shutil.disk_usage(above).free < LEAST_ROOM:
            raise UserError(f"The disk of the run directory {folder} is full: choose another one.")
        skew = abs(time.time() - clock_of(folder)) if make else 0.0
        if skew > MOST_SKEW_SECONDS:
            raise UserError(
                f"The clocks here and of the run directory {folder} differ by "
                f"{skew:.0f} s: set them."
            )
    except OSError as error:
        raise UserError(
            f"Can't write to the run directory {folder} ({error.strerror}): choose another one "
            "with --run-dir after the --."
        ) from error
