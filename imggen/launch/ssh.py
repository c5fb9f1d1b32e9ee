"""`imggen launch ssh`: an experiment on another machine that nobody schedules.

It runs in a tmux session: that outlives the connection, needs no rights beyond an account, and lets
one look in (`tmux attach`). systemd-run would need a user manager that lingers after the log-out,
which an administrator has to allow, and which containers and many clusters' nodes do not have.

Whoever ends it there means it: nothing starts it again but the same command, which goes on.
"""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

from imggen.launch.asked import ask
from imggen.launch.flags import after_dashes
from imggen.launch.remote import Remote
from imggen.runs.places import checkout
from imggen.system.errors import UserError

PICTURES = {".gif", ".png", ".svg", ".jpg", ".webp", ".pptx", ".pdf", ".ipynb", ".onnx", ".woff2"}
"""Below docs/, what no experiment reads."""

START = """\
#!/usr/bin/env bash
# Made by imggen launch ssh. To look in: tmux attach -t {session}
cd {folder} || exit 2
{{
    {python}
    export PYTHONPATH=$PWD
    {command}
    echo "ended with code $? at $(date)"
}} 2>&1 | (trap '' HUP && exec tee -a {log}) # which outlives the window, to write the last words
"""


def ssh(
    host: Annotated[Positional[str], tyro.conf.arg(metavar="HOST")],
    script: Annotated[Positional[Path], tyro.conf.arg(metavar="SCRIPT")],
    folder: str = "imggen",
    python: str | None = None,
    ssh: str = "ssh",
) -> int:
    """Sends this checkout to another machine and starts an experiment there, in tmux.

    Its own flags follow after --. `imggen fetch` brings back what it published.

    Args:
        host: HOST or USER@HOST, which ssh reaches by a key.
        script: The experiment: experiments/dcgan_mnist.py.
        folder: The folder of the checkout there, from the home folder.
        python: A Python there that has imggen's packages; by default .venv is made there once.
        ssh: How ssh is called: "ssh -p 2222".
    """
    root = checkout()
    if root is None:
        raise UserError("imggen launch ssh sends a checkout, and this imggen has none: clone it.")
    asked = ask(script, after_dashes())
    if not asked.script.is_relative_to(root):
        raise UserError(f"{script} is not in this checkout, {root}, which is what is sent.")
    there = Remote(host, folder, ssh)
    if python is not None and (not python.strip() or python.startswith("-")):
        raise UserError(f"--python {python!r} is no program: give the path of a Python there.")
    session = f"imggen-{asked.slug}".replace(".", "-")
    there.refuse_missing(("bash", "rsync", "tmux", python or "python3"))
    names = _files(root)
    inside = asked.script.relative_to(root)
    if str(inside) not in names:
        raise UserError(f"git leaves {inside} out, so that it would not be sent: see .gitignore.")
    if there.ask(f"tmux has-session -t '={session}' 2>/dev/null").returncode == 0:
        raise UserError(
            f"{asked.slug} runs on {host} already: wait until it ends, or end it there with "
            f"tmux kill-session -t {session}, which keeps a checkpoint."
        )
    there.copy(f"{root}/", there.path(), "--files-from=-", "--from0", given="\0".join(names))
    _start(there, session, _script(there, session, inside, python))
    print(f"{asked.slug} runs on {host}, in {folder}")
    print(f"to look in: ssh -t {host} tmux attach -t {session}")
    print(f"when it is done: imggen fetch {host} {asked.slug}")
    return 0


def _files(root: Path) -> list[str]:
    """What git knows or would know of this checkout."""
    try:
        told = subprocess.run(
            ["git", "-C", str(root), "ls-files", "-z", "-co", "--exclude-standard"],
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",  # a file's name may be bytes of any kind
            check=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise UserError(f"git does not know the files of {root}, which are to be sent.") from error
    return [
        name
        for name in told.split("\0")
        if name
        and (root / name).is_file()
        and not (name.startswith("docs/") and Path(name).suffix in PICTURES)
    ]


def _script(there: Remote, session: str, script: Path, python: str | None) -> str:
    """What tmux runs there."""
    own = "" if python else ". scripts/setup.sh"
    command = [python or "python", str(script), *after_dashes()]
    return START.format(
        session=session,
        folder=shlex.quote(there.folder),
        log=f"{session}.log",
        python=own or "# with the Python that was asked for",
        command=shlex.join(command),
    )


def _start(there: Remote, session: str, script: str) -> None:
    """Puts the script there and hands it to tmux. Raises: UserError when that fails."""
    file = f"{there.folder}/{session}.sh"
    done = there.ask(f"cat > {file} && tmux new-session -d -s {session} bash {file}", script)
    if done.returncode != 0:
        reason = done.stderr.strip().split("\n")[-1] or "no reason given"
        raise UserError(f"{there.host} could not start it ({reason}).")
