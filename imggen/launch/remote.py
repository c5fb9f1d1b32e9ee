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
    re.compile(pattern)
    for pattern in (r"(?:\w[\w.@+-]*@)?[\w:\[][\w.:-]*\]?", r"[\w./~-]+", r"\w[\w.-]*")
)


@dataclass(frozen=True)
class Remote:
    """A machine, the folder of the checkout there, and how it is reached."""

    host: str
    folder: str
    """From the home folder there, or absolute."""
    call: str
    """ssh with its options."""

    def __post_init__(self) -> None:
        """Raises UserError for names that a shell would take for something else."""
        if not HOST.fullmatch(self.host):
            raise UserError(f"{self.host!r} is no name of a machine: give HOST or USER@HOST.")
        if not FOLDER.fullmatch(self.folder) or self.folder.startswith(("-", "~")):
            raise UserError(
                f"--folder {self.folder!r}: give a path of letters, digits, dots and dashes, from "
                "the home folder there."
            )

    @property
    def options(self) -> list[str]:
        """How ssh is called: it asks no questions, and gives up in time.

        Raises: UserError for what is no command.
        """
        try:
            own = shlex.split(self.call)
        except ValueError:  # a quotation without an end
            own = []
        if not own:
            raise UserError(f'--ssh {self.call!r} is no command: give one as in "ssh -p 2222".')
        patience = (f"ConnectTimeout={CONNECT_SECONDS}", f"ServerAliveInterval={CONNECT_SECONDS}")
        asked = ("BatchMode=yes", *patience)
        return [*own, *(part for option in asked for part in ("-o", option))]

    def ask(self, command: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """Runs a line of shell there. Raises: UserError when the machine can't be reached."""
        done = _run([*self.options, re.sub(r"[\[\]]", "", self.host), command], given)
        if done.returncode == UNREACHABLE:
            reason = done.stderr.strip().split("\n")[-1].rstrip(".") or "ssh gave no reason"
            raise UserError(
                f"{self.host} can't be reached ({reason}): ssh {self.host} must work without a "
                "question, by a key."
            )
        return done

    def refuse_missing(self, programs: Iterable[str]) -> None:
        """Raises UserError that names the programs which that machine lacks."""
        names = {str(number): name for number, name in enumerate(programs)}
        checks = (
            f"command -v {shlex.quote(p)} >/dev/null || echo lacks {n}" for n, p in names.items()
        )
        # Shells may greet: only what was asked for is an answer.
        told = self.ask("; ".join(checks)).stdout.splitlines()
        lacking = [name for number, name in names.items() if f"lacks {number}" in told]
        if lacking:
            raise UserError(f"{self.host} has no {' and no '.join(lacking)}: install it there.")

    def copy(self, source: str, target: str, *more: str, given: str = "") -> None:
        """rsync between the machines. Raises: UserError with its reason."""
        done = _run(["rsync", "-a", "-e", _for_rsync(self.options), *more, source, target], given)
        if done.returncode != 0:
            reason = (done.stderr.strip().split("\n") or [""])[0]
            raise UserError(f"rsync with {self.host} failed ({reason}).")

    def path(self, *parts: str | Path) -> str:
        """HOST:FOLDER/..., as rsync takes it."""
        user, at, machine = self.host.rpartition("@")
        if ":" in machine and not machine.startswith("["):  # an address of IPv6
            machine = f"[{machine}]"
        return f"{user}{at}{machine}:{'/'.join([self.folder, *map(str, parts)])}"


def _run(command: list[str], given: str) -> subprocess.CompletedProcess[str]:
    """What a program answers, in whatever encoding. Raises: UserError when it can't be started."""
    try:
        return subprocess.run(
            command, input=given, capture_output=True, encoding="utf-8", errors="surrogateescape"
        )
    except FileNotFoundError as error:
        raise UserError(f"There is no {command[0]} on this machine: install it.") from error
    except OSError as error:
        raise UserError(f"{command[0]} can't be started ({error.strerror}).") from error


def _for_rsync(command: list[str]) -> str:
    """A command as rsync splits it, which knows no backslashes: a quotation mark is doubled."""
    quoted = ("'" + part.replace("'", "''") + "'" for part in command)
    plain = re.compile(r"[\w@%+=:,./-]+")
    return " ".join(p if plain.fullmatch(p) else q for p, q in zip(command, quoted, strict=True))


def refuse_slug(slug: str) -> None:
    """Raises UserError for what can be no slug."""
    if not SLUG.fullmatch(slug):
        raise UserError(f"{slug!r} is no slug: give one as imggen status lists them.")
