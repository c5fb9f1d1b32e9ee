"""`imggen fetch`: what a run published on another machine, verified before it is put in place."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import Annotated
from xml.etree import ElementTree

import tyro
from tyro.conf import Positional

from imggen.launch.remote import SLUG, Remote, refuse_slug
from imggen.publishing.publish import publish
from imggen.runs.places import checkout
from imggen.runs.settings import Manifest
from imggen.system.errors import UserError
from imggen.system.files import json_bytes, read_json, sha256_file

MANIFEST = "manifest.json"
MOST_BYTES = 64 * 2**20
"""Of a manifest: those of ours have some thousand."""
KINDS = {".gif", ".json", ".pdf", ".png", ".pptx", ".safetensors", ".svg", ".webp"}
"""What is published. A page or a script would be run by whoever builds the site."""
DRAWS = {"Agent", "RDF", "Work", "clipPath", "creator", "defs", "format", "g", "image", "metadata",
         "path", "rect", "style", "svg", "title", "type", "use"}  # fmt: skip
"""Elements of our drawings. Others may run something, or bring it from elsewhere."""
ELSEWHERE = re.compile(r"(url|src|image|image-set|cross-fade)\((?!#)|@import|\\|//", re.I)
"""What styles name files by, or may hide it behind."""
MARKS = (b"<!ENTITY", b"<?xml-", b"\0")
"""What has no place in a drawing: texts from elsewhere, style sheets, letters of two bytes."""


def fetch(
    host: Annotated[Positional[str], tyro.conf.arg(metavar="HOST")],
    slug: Annotated[Positional[str], tyro.conf.arg(metavar="SLUG")],
    folder: str = "imggen",
    to: Path | None = None,
    ssh: str = "ssh",
) -> int:
    """Brings back what a run published on another machine, once every file has its hash.

    Args:
        host: HOST or USER@HOST, which ssh reaches by a key.
        slug: The slug of the experiment: dcgan-mnist.
        folder: The folder of the checkout there, from the home folder.
        to: The folder whose docs/ or runs/ takes it; default this checkout.
        ssh: How ssh is called: "ssh -p 2222".
    """
    refuse_slug(slug)
    there = Remote(host, folder, ssh)
    there.refuse_missing(("rsync",))
    place = _place(there, slug)
    target = (to or checkout() or Path.cwd()) / place
    with tempfile.TemporaryDirectory(prefix="imggen-fetch-") as waiting:
        files_only = ("--no-links", "--no-devices", "--no-specials", "--exclude=*/")
        there.copy(there.path(place) + "/", waiting, *files_only, "--max-size=1G")
        manifest, files = verified(Path(waiting), slug)
        publish(target, files, None, manifest)
    print(f"{slug} of {host}, {len(files)} files, in {target}")
    return 0


def _place(there: Remote, slug: str) -> str:
    """Where the newest publication lies: in docs/, or below the run for other settings.

    Raises: UserError where there is none.
    """
    assets = f"docs/assets/experiments/{slug}"
    places = [assets, f"runs/{slug}/{assets}"]
    manifests = " ".join(f"{place}/{MANIFEST}" for place in places)
    done = there.ask(f"cd {there.folder} && ls -t {manifests} 2>/dev/null")
    # Shells may greet, and a machine may lie: nothing but a place that was asked for is one.
    told = [place for line in done.stdout.splitlines() for place in places
            if line == f"{place}/{MANIFEST}"]  # fmt: skip
    if not told:
        raise UserError(
            f"{there.host} published no {slug} in {there.folder}: is it finished? Its log is "
            f"{there.folder}/imggen-{slug}.log."
        )
    return told[0]


def verified(folder: Path, slug: str) -> tuple[Manifest, dict[str, bytes]]:
    """A publication whose files are those of its manifest.

    Raises: UserError that names the first that is not.
    """
    if (folder / MANIFEST).is_file() and (folder / MANIFEST).stat().st_size > MOST_BYTES:
        raise UserError(f"The manifest of {slug} is too large to be one: nothing was changed here.")
    try:
        manifest = read_json(folder / MANIFEST)
        json_bytes(manifest)  # as it will be written: last, when all else is in place
    except (UserError, ValueError) as error:
        raise UserError(
            f"The manifest of {slug} can't be read as JSON: nothing was changed here."
        ) from error
    hashes = manifest.get("files")
    if manifest.get("slug") != slug or not isinstance(hashes, dict):
        raise UserError(f"What came is no publication of {slug}: its manifest says otherwise.")
    files = {}
    for name, digest in hashes.items():
        path = folder / name
        if not SLUG.fullmatch(name) or path.suffix not in KINDS or name == MANIFEST:
            raise UserError(
                f"{name!r} of the manifest of {slug} is no file that is published: nothing was "
                "changed here."
            )
        if not os.path.isfile(path) or path.is_symlink():
            raise UserError(
                f"{name!r} of the manifest of {slug} did not come: nothing was changed here."
            )
        if sha256_file(path) != digest:
            raise UserError(
                f"{name} is not the file that {slug} published: it was changed there, or on its "
                "way; nothing was changed here."
            )
        files[name] = path.read_bytes()
        if path.suffix == ".svg" and not only_draws(files[name]):
            raise UserError(
                f"{name} of {slug} is no drawing such as are published: nothing was changed here."
            )
    return manifest, files


def only_draws(svg: bytes) -> bool:
    """Whether a drawing runs nothing and loads nothing, wherever it is shown."""
    if any(mark in svg for mark in MARKS):
        return False
    try:
        return all(map(_draws, ElementTree.fromstring(svg).iter()))
    except ElementTree.ParseError:
        return False


def _draws(element: ElementTree.Element) -> bool:
    tag = element.tag.rpartition("}")[2]
    values = {name.rpartition("}")[2].lower(): value for name, value in element.items()}
    reference = values.pop("href", "#").strip()
    told = "".join(element.itertext()) if tag == "style" else values.get("style", "")
    return (
        tag in DRAWS
        and not any(name.startswith("on") for name in values)
        and reference.startswith(("#", "data:image/png;base64,"))
        and not ELSEWHERE.search(told)
        and not any("url(" in value.replace("url(#", "") for value in values.values())
    )
