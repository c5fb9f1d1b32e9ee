"""Machines that are none, or not what they seem; run directories that hold something else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from hostile_inputs.common import Case, Make, both, content, script

LIES = """\
case "$*" in *"ls -t"*) printf '%s\\n' Welcome /etc/manifest.json ../../x/manifest.json ;; esac
"""
"""An ssh to a machine that has every program, and publications in places nobody asked for."""
THERE = 'while [ "$1" = -o ]; do shift 2; done; shift; exec sh -c "$*"\n'
"""An ssh to this machine."""
RUN_CODE = "$(touch {}/proof)"


def machines() -> Iterator[Case]:
    """What `imggen fetch` and `imggen launch ssh` are told, and what a machine answers."""
    kind = "Another machine over SSH"

    def fetch(what: str, says: str, *given: str, make: Make | None = None) -> Case:
        return Case(kind, what, ("imggen", "fetch", *given, "--to", "{}/here"), says, make)

    hosts = ("", "a b", RUN_CODE, "x@-oProxyCommand=touch", "@there", "there;id")
    for host in hosts:
        yield fetch(f"called '{host.replace('{}/', '')}'", "is no name of a machine", host,
                    "dcgan-mnist")  # fmt: skip
    yield Case(kind, "called -oProxyCommand=CODE", ("imggen", "fetch", "--", "-oProxyCommand=touch",
               "dcgan-mnist"), "is no name of a machine")  # fmt: skip
    for slug in ("", "..", "../x", "a;b", RUN_CODE):
        yield fetch(f"and a run called '{slug.replace('{}/', '')}'", "is no slug", "there", slug)
    for folder in ("", "-x", "~", "a b", RUN_CODE):
        yield fetch(f"with --folder '{folder.replace('{}/', '')}'", "give a path of letters",
                    "there", "dcgan-mnist", f"--folder={folder}")  # fmt: skip
    for call in ("", " ", "'", '"', "\\"):
        yield fetch(f"with --ssh {call or 'without a name'!r}", "is no command", "there",
                    "dcgan-mnist", f"--ssh={call}")  # fmt: skip
    yield fetch("with --ssh of a program that is text", "can't be started", "there", "dcgan-mnist",
                "--ssh={}/text",
                make=both(content("text", "x"), lambda f: (f / "text").chmod(0o755)))  # fmt: skip
    yield fetch("that says it published into /etc", "published no dcgan-mnist", "there",
                "dcgan-mnist", "--ssh=sh {}/lies", make=content("lies", LIES))  # fmt: skip
    yield fetch("whose answer steers the terminal", "can't be reached (\\x1b[2J", "there",
                "dcgan-mnist", "--ssh=sh {}/steers",
                make=content("steers", "printf '\\033[2J\\377\\n' >&2; exit 255\n"))  # fmt: skip
    launch = ("imggen", "launch", "ssh", "there", "experiments/vae_mnist.py", "--ssh=sh {}/there")
    for python in (RUN_CODE, "a b", "-x", ""):
        yield Case(kind, f"with --python '{python.replace('{}/', '')}'",
                   (*launch, f"--python={python}"),
                   "is no program" if python in ("", "-x") else "there has no",
                   content("there", THERE))  # fmt: skip
    for what, text, says in (
        (
            "calls itself $(code)",
            "class E:\n    slug = '$(touch x)'\nexperiment = E()",
            "is no slug",
        ),
        ("has no name", "experiment = 3", "has no slug"),
        ("ends at once", "raise SystemExit(0)", "can't be read as an experiment (SystemExit"),
    ):
        yield Case(kind, f"for a script that {what}", (*launch[:4], "{}/x.py"), says,
                   content("x.py", text))  # fmt: skip
    yield Case(kind, "for a script of 300 letters", (*launch[:4], "x" * 300), "There is no script")


def listed() -> Iterator[Case]:
    """Folders for `imggen runs`, and a run directory whose files are none."""
    for what, folder in (("that is not there", "{}/none"), ("that is a file", "{}/file"),
                         ("of 300 letters", "x" * 300)):  # fmt: skip
        yield Case("A folder of runs", what, ("imggen", "runs", folder), "There is no folder",
                   content("file", ""))  # fmt: skip

    def pipe(name: str) -> Make:
        def make(folder: Path) -> None:
            (folder / "run").mkdir()
            os.mkfifo(folder / "run" / name)

        return make

    for name in ("log.txt", "stats.jsonl", "lock"):
        yield Case("A file of a run directory", f"{name} that is a pipe", script("gan_mnist"),
                   "is no file", pipe(name))  # fmt: skip
