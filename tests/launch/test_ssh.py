"""Another machine over SSH: an sshd on this one."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from imggen.studies.requeue.cluster import free_ports, wait_for
from imggen.system.files import read_json, sha256_file

SSHD = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
MISSING = [name for name in ("ssh", "ssh-keygen", "rsync", "tmux", "git") if not shutil.which(name)]
reason = f"not installed: {', '.join(['sshd'] * (SSHD is None) + MISSING)}"
pytestmark = pytest.mark.skipif(SSHD is None or bool(MISSING), reason=reason)

VAE, QUICK = "experiments/vae_mnist.py", "experiments/dirac_gan.py"
"""The second publishes within seconds, and needs no data."""
PLACE = Path("docs/assets/experiments/dirac-gan")


@pytest.fixture(scope="module")
def ssh(tmp_path_factory):
    """How ssh is called; `there` is this machine, `bare` too, with nothing but a shell."""
    folder = tmp_path_factory.mktemp("ssh")
    for name in ("host", "key", "bare"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name]
        subprocess.run(command, check=True)
    (folder / "bin").mkdir()
    for program in ("sh", "bash"):
        (folder / "bin" / program).symlink_to(shutil.which(program))
    keys = (folder / "key.pub").read_text()
    keys += f'environment="PATH={folder}/bin" {(folder / "bare.pub").read_text()}'
    (folder / "keys").write_text(keys)
    (port,) = free_ports(1)
    (folder / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1\nPort {port}\nHostKey {folder}/host\nPidFile none\nUsePAM no\n"
        f"AuthorizedKeysFile {folder}/keys\nStrictModes no\nPermitUserEnvironment yes\n"
        "PasswordAuthentication no\nPermitRootLogin prohibit-password\n"
        f"SetEnv OMP_NUM_THREADS=1 TMUX_TMPDIR={folder}\n"  # a tmux of this test's own
    )
    common = f"  UserKnownHostsFile {folder}/known\n  StrictHostKeyChecking accept-new\n"
    (folder / "config").write_text(
        "".join(
            f"Host {name}\n  HostName 127.0.0.1\n  Port {on}\n  User {getpass.getuser()}\n"
            f"  IdentityFile {folder}/{key}\n  IdentitiesOnly yes\n{common}"
            for name, on, key in (("there", port, "key"), ("bare", port, "bare"),
                                  ("nowhere", free_ports(1)[0], "key"))
        )
    )  # fmt: skip
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    daemon = subprocess.Popen([SSHD, "-D", "-e", "-f", folder / "sshd_config"],
                              stderr=subprocess.DEVNULL)  # fmt: skip
    call = f"ssh -F {folder}/config"
    try:
        alive = [*call.split(), "there", "true"]
        wait_for(lambda: subprocess.run(alive, capture_output=True).returncode == 0, 15, "an sshd")
        yield call
    finally:
        own = {**os.environ, "TMUX_TMPDIR": str(folder)}
        subprocess.run(["tmux", "kill-server"], env=own, stderr=subprocess.DEVNULL)
        daemon.terminate()
        daemon.wait()


@pytest.mark.parametrize(
    ("host", "script", "more", "says"),
    [
        ("nowhere", VAE, (), "nowhere can't be reached"),
        ("bare", VAE, (), "bare has no rsync and no tmux"),
        ("there", "experiments/none.py", (), "There is no script experiments/none.py"),
        ("there", VAE, ("--python", "/none/python"), "there has no /none/python"),
        ("a;b", VAE, (), "is no name of a machine"),
        ("there", VAE, ("--folder", "a;b"), "give a path of letters"),
    ],
)
def test_what_is_refused_before_anything_is_sent(run, ssh, host, script, more, says):
    ours = ("imggen", "launch", "ssh", f"--ssh={ssh}", *more)
    done = run(*ours, host, script)
    assert done.returncode == 2 and says in done.stderr, done.stdout + done.stderr


@pytest.mark.slow
def test_a_run_over_there_and_its_publication_here(run, ssh, tmp_path):
    there, here = tmp_path / "there", tmp_path / "here"
    launch = ("imggen", "launch", "ssh", "there", QUICK, "--ssh", ssh, "--folder", there,
              "--python", sys.executable)  # fmt: skip
    done = run(*launch)
    assert done.returncode == 0, done.stderr
    again = run(*launch)
    assert again.returncode == 2 and "dirac-gan runs on there already" in again.stderr
    log = there / "imggen-dirac-gan.log"
    wait_for(lambda: log.exists() and "ended with code" in log.read_text(), 120, "the run's end")
    assert "ended with code 0" in log.read_text(), log.read_text()

    fetch = ("imggen", "fetch", "there", "dirac-gan", "--ssh", ssh, "--folder", there, "--to", here)
    done = run(*fetch)
    assert done.returncode == 0, done.stderr
    manifest = read_json(here / PLACE / "manifest.json")
    assert manifest == read_json(there / PLACE / "manifest.json")
    for name, digest in manifest["files"].items():
        assert sha256_file(here / PLACE / name) == digest
    damaged = sorted(manifest["files"])[0]
    (there / PLACE / damaged).write_bytes(b"another picture")
    done = run(*fetch)
    assert done.returncode == 2 and f"{damaged} is not the file that" in done.stderr
    assert sha256_file(here / PLACE / damaged) == manifest["files"][damaged]

    # After its end the same launch starts again; flags of its own arrive as they were given.
    done = run(*launch, "--", "--docs-dir", "other docs")
    assert done.returncode == 0, done.stderr
    wait_for(lambda: log.read_text().count("ended with code") == 2, 120, "the second run's end")
    assert log.read_text().count("ended with code 0") == 2, log.read_text()
    place = there / "other docs" / PLACE.relative_to("docs")
    assert read_json(place / "manifest.json")["files"] == manifest["files"]


@pytest.mark.parametrize(
    ("host", "slug", "says"),
    [
        ("there", "../etc", "is no slug"),
        ("there", "vae-mnist", "there published no vae-mnist in"),
        ("nowhere", "vae-mnist", "nowhere can't be reached"),
        ("bare", "vae-mnist", "bare has no rsync"),
    ],
)
def test_what_cannot_be_fetched(run, ssh, tmp_path, host, slug, says):
    done = run("imggen", "fetch", host, slug, "--ssh", ssh, "--folder", tmp_path / "none",
               "--to", tmp_path)  # fmt: skip
    assert done.returncode == 2 and says in done.stderr, done.stderr
    assert not list(tmp_path.iterdir())
