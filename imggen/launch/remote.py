"""Another machine behind ssh: asked politely, refused in a sentence."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from imggen.system.errors import UserError

CONNECT_SECONDS = 15
UNREACHABLE = 255
"""What ssh answers when it got no connection; anything else is the other machine's answer."""
HOST, FOLDER, SLUG = (
    re.compile(pattern) for pattern in (r"[\w@.:\[\]-]+", r"[\w./~-]+", r"\w[\w.-]*")
)


@dataclass(frozen=True)
class Remote:
    """A machine, the folder of the checkout there, and how it is reached."""

    host: str
    folder: str
    """From the home folder there, or absolute."""
    ssh: tuple[str, ...]

    def __post_init__(self) -> None:
        """Raises UserError for names that a shell would take for something else."""
        if not HOST.fullmatch(self.host) or self.host.startswith("-"):
            raise UserError(f"{self.host!r} is no name of a machine: give HOST or USER@HOST.")
        if not FOLDER.fullmatch(self.folder) or self.folder.startswith(("-", "~")):
            raise UserError(
                f"--folder {self.folder!r}: give a path of letters, digits, dots and dashes, from "
                "the home folder there."
            )

    @property
    def options(self) -> list[str]:
        """How ssh is called: it asks no questions, and gives up in time."""
        return [*self.ssh, "-o", "BatchMode=yes", "-o", f"ConnectTimeout={CONNECT_SECONDS}"]

    def ask(self, command: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """Runs a line of shell there. Raises: UserError when the machine can't be reached."""
        try:
            done = subprocess.run(
                [*self.options, self.host, command], input=given, capture_output=True, text=True
            )
        except FileNotFoundError as error:
            raise UserError(f"There is no {self.ssh[0]} on this machine: install it.") from error
        if done.returncode == UNREACHABLE:
            reason = done.stderr.strip().split("\n")[-1].rstrip(".") or "ssh gave no reason"
            raise UserError(
                f"{self.host} can't be reached ({reason}): ssh {self.host} must work without a "
                "question, by a key."
            )
        return done

    def refuse_missing(self, programs: Iterable[str]) -> None:
        """Raises UserError that names the programs which that machine lacks."""
        checks = "; ".join(f"command -v {p} >/dev/null || echo {p}" for p in programs)
        lacking = self.ask(checks).stdout.split()
        if lacking:
            raise UserError(f"{self.host} has no {' and no '.join(lacking)}: install it there.")

    def copy(self, source: str, target: str, *more: str, given: str = "") -> None:
        """rsync between the machines. Raises: UserError with its reason."""
        command = ["rsync", "-a", "-e", shlex.join(self.options), *more, source, target]
        try:
            done = subprocess.run(command, input=given, capture_output=True, text=True)
        except FileNotFoundError as error:
            raise UserError("There is no rsync on this machine: install it.") from error
        if done.returncode != 0:
            reason = (done.stderr.strip().split("\n") or [""])[0]
            raise UserError(f"rsync with {self.host} failed ({reason}).")

    def path(self, *parts: str | Path) -> str:
        """HOST:FOLDER/..., as rsync takes it."""
        return f"{self.host}:{'/'.join([self.folder, *map(str, parts)])}"


def refuse_slug(slug: str) -> None:
    """Raises UserError for what can be no slug."""
    if not SLUG.fullmatch(slug):
        raise UserError(f"{slug!r} is no slug: give one as imggen status lists them.")
