"""Published generators as the table of results needs them, read from their files alone."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, NamedTuple

from families import family

from imggen.evaluation.catalogue import Entry
from imggen.system.files import Json

if TYPE_CHECKING:
    from imggen.evaluation.evaluate import Result

DATASETS = {
    "mnist": "MNIST",
    "fashion_mnist": "Fashion-MNIST",
    "kmnist": "KMNIST",
    "stacked_mnist": "Stacked-MNIST",
    "cifar10": "CIFAR-10",
    "cifar10_jpeg": "JPEG copies of CIFAR-10",
    "svhn": "SVHN",
    "digits": "Digits of 8x8 pixels",
    "cityscapes": "Cityscapes",
    "camvid": "CamVid",
    "magnetic_tile": "Magnetic tiles",
}
"""How people read the names of datasets; others are shown as they are."""
ASKED = {
    "MNIST": {"mnist"},
    "SVHN": {"svhn"},
    "CIFAR-10": {"cifar10"},
    "Cityscapes": {"cityscapes"},
}
"""The datasets that the December report names, and by which of ours each is met."""


@dataclass(frozen=True)
class Generator:
    """One published generator: its manifest.json and its metrics.json."""

    manifest: Json
    result: Result

    @property
    def slug(self) -> str:
        """Its name in commands."""
        return str(self.manifest["slug"])

    @cached_property
    def family(self) -> str:
        """GAN, VAE, ..."""
        return family(self.manifest["method"])

    @property
    def dataset(self) -> str:
        """The name of the data that its samples are compared with."""
        return str(self.result["real"]["name"])

    @property
    def short(self) -> str:
        """The slug without the dataset, which stands above: dcgan."""
        return self.slug.replace(f"-{self.dataset.replace('_', '-')}", "")

    def metric(self, name: str) -> Entry | None:
        """An entry of metrics.json that has a value."""
        entry = self.result["metrics"].get(name)
        return None if entry is None or entry["value"] is None else entry

    @property
    def images_seen(self) -> int:
        """How many images its training looked at, each as often as it did."""
        return int(self.manifest["steps"] * self.manifest["config"]["train"]["batch_size"])

    @property
    def reference(self) -> tuple[object, ...]:
        """What must agree before two generators stand in one ranking."""
        real, features = self.result["real"], self.result["features"]
        protocol = {k: v for k, v in self.result["protocol"].items() if k not in ("code", "seed")}
        return (*(real.get(key) for key in ("name", "split", "sha256")), features["name"],
                features.get("sha256"), str(sorted(protocol.items())))  # fmt: skip


@dataclass(frozen=True)
class Group:
    """Generators that were measured alike, the best Fréchet distance first."""

    title: str
    anchor: str
    members: tuple[Generator, ...]

    def floor(self, name: str) -> Entry | None:
        """An entry with what real training images score, where one has it."""
        found = (member.metric(name) for member in self.members)
        return next((entry for entry in found if entry and entry.get("floor") is not None), None)

    @property
    def one_code(self) -> bool:
        """Whether the same code of the metrics measured all."""
        return len({member.result["protocol"].get("code") for member in self.members}) == 1


def grouped(found: Iterable[Generator]) -> list[Group]:
    """Generators by what they were measured against, the largest group first."""
    by_reference: dict[tuple[object, ...], list[Generator]] = {}
    for generator in sorted(found, key=_rank):
        by_reference.setdefault(generator.reference, []).append(generator)
    groups: list[Group] = []
    titles: dict[str, int] = {}
    for members in sorted(
        by_reference.values(), key=lambda members: (-len(members), members[0].slug)
    ):
        dataset = members[0].dataset
        title, anchor = DATASETS.get(dataset, dataset), dataset.replace("_", "-")
        again = titles[title] = titles.get(title, 0) + 1
        if again > 1:  # the same data by another protocol
            title, anchor = f"{title}, measured otherwise ({again})", f"{anchor}-{again}"
        groups.append(Group(title, anchor, tuple(members)))
    return groups


def _rank(generator: Generator) -> tuple[float, str]:
    entry = generator.metric("frechet_distance")
    value = None if entry is None else entry["value"]
    return (float("inf") if value is None else value, generator.slug)


def published(docs: Path, check: Callable[[str], object] | None = None) -> list[Generator]:
    """All published experiments that were measured; `check` may refuse a slug's metrics.json."""
    found = []
    for path in sorted((docs / "assets" / "experiments").glob("*/metrics.json")):
        if check is not None:
            check(path.parent.name)
        manifest, result = (
            json.loads((path.parent / name).read_text(encoding="utf-8"))
            for name in ("manifest.json", "metrics.json")
        )
        found.append(Generator(manifest, result))
    return found


class Post(NamedTuple):
    """A post, by its file and by its place on the site."""

    file: str
    address: str


def address(post: PurePath, text: str) -> str:
    """Where a post is on the site, with no stroke at its end: at its slug, else its file's name."""
    slug = re.search(r"^slug: *([\w-]+)", text, re.MULTILINE)
    return f"blog/{slug[1] if slug else post.stem}"


def datasets_asked(found: Iterable[str]) -> tuple[list[str], list[str]]:
    """Of datasets with a published generator: all by name, and those of the report that lack."""
    there = sorted(set(found))
    missing = [name for name, ours in ASKED.items() if not ours & {*there}]
    return there, missing


@functools.cache
def posts(docs: Path) -> dict[str, Post]:
    """By experiment: the post that has its card."""
    found: dict[str, Post] = {}
    for path in sorted((docs / "blog" / "posts").glob("*.md")):
        text = path.read_text(encoding="utf-8")
        post = Post(f"blog/posts/{path.name}", address(path, text))
        for card in re.findall(r"\{\{ ?card ([\w-]+) ?\}\}", text):
            found.setdefault(card, post)
    return found
