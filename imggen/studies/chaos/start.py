"""Two ways to start a script: from nothing, and from a process that has imported its libraries.

Importing torch takes longer than most of what happens to a training between two faults.
"""

from __future__ import annotations

import contextlib
import os
import runpy
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn, Protocol

import torch

from imggen.system import early
from imggen.system.signals import STOP


class Process(Protocol):
    """What both ways give."""

    pid: int

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int) -> None: ...


def hear() -> None:
    """Takes signals as a program does that nobody told to ignore them: this one may be told so."""
    for name in (*STOP, "SIGINT"):
        signal.signal(getattr(signal, name), signal.SIG_DFL)


def cold(command: Sequence[str], repository: Path, output: Path) -> Process:
    """`python SCRIPT ...` as a person starts it; what it says goes to `output`."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with open(output, "ab") as file:
        return subprocess.Popen(
            [sys.executable, *command],
            cwd=repository,
            env=environment,
            stdout=file,
            stderr=file,
            preexec_fn=hear,
        )


def warm_up(scripts: Sequence[Path]) -> None:
    """Imports here what these scripts import, so that `warm` starts quickly."""
    torch.set_num_threads(1)  # a process with threads should not fork
    for script in scripts:
        runpy.run_path(str(script))


class Forked:
    """A child of this process, with the ways of a Popen."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.code: int | None = None

    def poll(self) -> int | None:
        """Its exit code, None while it runs."""
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)
        return self.code

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code. Raises: TimeoutExpired."""
        end = time.monotonic() + (timeout if timeout is not None else float("inf"))
        while (code := self.poll()) is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            time.sleep(0.01)
        return code

    def send_signal(self, sig: int) -> None:
        """As os.kill, to a process that still is."""
        if self.poll() is None:
            os.kill(self.pid, sig)


def warm(command: Sequence[str], repository: Path, output: Path) -> Process:
    """The same, in a copy of this process: what it has imported is there already."""
    sys.stdout.flush()
    sys.stderr.flush()
    if pid := os.fork():
        return Forked(pid)
    _become(command, repository, output)


def _become(command: Sequence[str], repository: Path, output: Path) -> NoReturn:
    code = 1
    try:
        hear()
        early.watch()
        file = os.open(output, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        for stream in (1, 2):
            os.dup2(file, stream)
        os.chdir(repository)
        sys.argv = list(command)
        runpy.run_path(command[0], run_name="__main__")
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)
