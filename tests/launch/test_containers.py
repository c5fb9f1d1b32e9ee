"""The container recipes: linted, alike, and copying only what is there."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
CONTAINERS = REPOSITORY / "scripts" / "containers"
HADOLINT = shutil.which("hadolint", path=str(Path(sys.executable).parent))
SECTIONS = {"files", "post", "environment", "runscript", "test", "help", "labels", "setup",
            "startscript", "arguments", "appinstall"}  # fmt: skip


def instructions() -> list[list[str]]:
    """The Dockerfile's lines in words, without comments."""
    text = (CONTAINERS / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [line.split() for line in lines]


def definition() -> tuple[dict[str, str], dict[str, list[str]]]:
    """Header and sections of the Apptainer file."""
    header, sections, section = {}, {}, None
    for line in (CONTAINERS / "imggen.def").read_text().splitlines():
        if line.startswith("%"):
            section = sections.setdefault(line[1:].strip(), [])
        elif section is None and line and not line.startswith("#"):
            key, _, value = line.partition(":")
            header[key] = value.strip()
        elif section is not None and line.strip() and not line.strip().startswith("#"):
            section.append(line.strip())
    return header, sections


def copied_by_docker() -> set[str]:
    copies = [words[1:] for words in instructions() if words[0] == "COPY"]
    return {name for words in copies if "--from=wheel" not in words for name in words[:-1]}


def test_both_recipes_stand_on_one_pinned_base():
    bases = {words[1] for words in instructions() if words[0] == "FROM"}
    header, sections = definition()
    assert header == {"Bootstrap": "docker", "From": bases.pop()} and not bases
    assert re.fullmatch(r"python:3\.11\.\d+-slim-\w+", header["From"])
    assert sections.keys() <= SECTIONS and {"files", "post", "runscript"} <= sections.keys()


def test_what_is_copied_exists_and_is_let_in():
    _, sections = definition()
    copied = {shlex.split(line)[0] for line in sections["files"]}
    assert copied == copied_by_docker()
    for name in copied:
        assert (REPOSITORY / name).exists(), name
    let_in = (CONTAINERS / "Dockerfile.dockerignore").read_text().splitlines()
    assert {f"!{name}" for name in copied} <= {*let_in}


def test_the_container_runs_as_somebody_and_its_shell_parses():
    users = [words[1] for words in instructions() if words[0] == "USER"]
    assert users == ["1000"]
    _, sections = definition()
    for name in ("post", "environment", "runscript", "test"):
        subprocess.run(["sh", "-n"], input="\n".join(sections[name]), text=True, check=True)


@pytest.mark.skipif(HADOLINT is None, reason="hadolint has no binary for this platform")
def test_the_dockerfile_is_linted_and_a_broken_one_is_found(tmp_path):
    def lint(path: Path) -> int:
        return subprocess.run([HADOLINT, path], capture_output=True).returncode

    assert lint(CONTAINERS / "Dockerfile") == 0
    (tmp_path / "Dockerfile").write_text("FROM python:latest\nRUN cd /tmp && sudo ls\n")
    assert lint(tmp_path / "Dockerfile") != 0
