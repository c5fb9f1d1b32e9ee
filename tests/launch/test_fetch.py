"""What a hostile machine may send to `imggen fetch`."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest
from hostile_inputs.elsewhere import THERE

from imggen.launch.fetch import only_draws, verified
from imggen.system.errors import UserError

PLACE = Path("docs/assets/experiments/dirac-gan")


def send(folder: Path, manifest: object = None, **hashes: object) -> Path:
    """A publication of a.png, as it lies there or came here."""
    folder.mkdir(parents=True)
    (folder / "a.png").write_bytes(b"picture")
    files = {"a.png": hashlib.sha256(b"picture").hexdigest(), **hashes}
    told = {"slug": "dirac-gan", "files": files} if manifest is None else manifest
    content = told if isinstance(told, bytes) else json.dumps(told).encode()
    (folder / "manifest.json").write_bytes(content)
    return folder


@pytest.mark.parametrize(
    "name",
    ["../a.png", "/etc/passwd", "..", "", "a/b.png", "x" * 300 + ".png", "a\0.png", "\ud800.png",
     "page.md", "code.py", "index.html", "code.js", ".htaccess", "manifest.json", "-rf.png"],
)  # fmt: skip
def test_names_that_nobody_publishes(tmp_path, name):
    with pytest.raises(UserError, match="nothing was changed here"):
        verified(send(tmp_path / "x", **{name: "0" * 64}), "dirac-gan")


@pytest.mark.parametrize(
    "manifest",
    [b"", b"[]", b"[" * 100_000, b"\xff", b'{"slug": "dirac-gan", "files": {}, "x": NaN}',
     b" " * (2**26 + 1), {"slug": "vae-mnist", "files": {}}, {"slug": "dirac-gan", "files": []}],
    ids=range(8),
)  # fmt: skip
def test_manifests_that_are_none(tmp_path, manifest):
    with pytest.raises(UserError):
        verified(send(tmp_path / "x", manifest), "dirac-gan")


SVG = '<?xml version="1.0"?>{}<svg xmlns="http://www.w3.org/2000/svg" {}>{}</svg>'
LINK = 'xmlns:xlink="http://www.w3.org/1999/xlink"'


@pytest.mark.parametrize(
    "svg",
    [
        "no drawing",
        SVG.format("", "", "<script>alert(1)</script>"),
        SVG.format("", 'onload="alert(1)"', ""),
        SVG.format("", "", "<foreignObject/>"),
        SVG.format("", LINK, '<use xlink:href="https://else.where/a.svg#b"/>'),
        SVG.format("", "", '<image href="data:image/svg+xml,x"/>'),
        SVG.format("", "", '<path style="fill: url(https://else.where/a)"/>'),
        SVG.format("", "", "<style>@import 'a.css';</style>"),
        SVG.format("", "", r"<style>path {fill: u\72l(https://else.where/a)}</style>"),
        SVG.format("", "", "<style><title/>@import 'a.css';</style>"),
        SVG.format("", "", "<style>path {background: image-set('//else.where/a' 1x)}</style>"),
        SVG.format("", 'fill="url(//else.where/a.svg#b)"', ""),
        SVG.format('<!DOCTYPE svg [<!ENTITY a "b">]>', "", "<g>&a;</g>"),
        SVG.format('<!-- <svg --><!DOCTYPE svg [<!ENTITY a "b">]>', "", ""),
        SVG.format('<!-- <svg --><?xml-stylesheet href="https://else.where/a.css"?>', "", ""),
        SVG.format('<?xml-stylesheet href="https://else.where/a.css"?>', "", ""),
    ],
    ids=range(16),
)
def test_a_drawing_runs_nothing_and_loads_nothing(tmp_path, svg):
    digest = hashlib.sha256(svg.encode()).hexdigest()
    folder = send(tmp_path / "x", **{"a.svg": digest})
    (folder / "a.svg").write_text(svg)
    with pytest.raises(UserError, match=r"a\.svg of dirac-gan is no drawing"):
        verified(folder, "dirac-gan")


def test_nothing_hides_in_another_encoding():
    sheet = SVG.format('<?xml-stylesheet href="https://else.where/a.css"?>', "", "")
    assert not only_draws(sheet.replace("?>", ' encoding="UTF-16"?>', 1).encode("utf-16"))


def test_our_own_drawings_come():
    drawings = list((Path(__file__).parents[2] / "docs" / "assets" / "experiments").rglob("*.svg"))
    assert len(drawings) > 20
    for path in drawings:
        assert only_draws(path.read_bytes()), path
    plain = SVG.format("", LINK, '<g style="clip-path: url(#a)"><use xlink:href="#a"/></g>')
    assert only_draws(plain.encode())


@pytest.mark.skipif(shutil.which("rsync") is None, reason="not installed: rsync")
@pytest.mark.parametrize("kind", ["a file", "a pipe", "a link", "a folder"])
def test_only_files_come(run, tmp_path, kind):
    sent = send(tmp_path / "there" / PLACE)
    if kind != "a file":
        (sent / "a.png").unlink()
    if kind == "a pipe":
        os.mkfifo(sent / "a.png")
    elif kind == "a link":
        (sent / "a.png").symlink_to("/etc/hostname")
    elif kind == "a folder":
        (sent / "a.png").mkdir()
    call = tmp_path / "it's an" / "ssh"
    call.parent.mkdir()
    call.write_text(THERE)
    done = run("imggen", "fetch", "there", "dirac-gan", "--folder", tmp_path / "there",
               "--to", tmp_path / "here", "--ssh", f"sh \"{call}\"")  # fmt: skip
    if kind == "a file":
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "here" / PLACE / "a.png").read_bytes() == b"picture"
    else:
        assert done.returncode == 2 and "did not come: nothing was changed" in done.stderr
        assert not (tmp_path / "here").exists()
