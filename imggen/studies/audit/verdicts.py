"""Every metric on every rung of every ladder: which of them notices, and what it says."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

from imggen.data.images import Images, choose
from imggen.evaluation.catalogue import METRICS, Found, entries
from imggen.evaluation.measure import attempt, measure, measure_copies, search_training
from imggen.features.extract import extract
from imggen.features.extractors import Extractor
from imggen.features.sets import Features
from imggen.metrics import accuracy
from imggen.metrics.certainty.estimate import Estimate, compare, share_of
from imggen.studies.audit import checks
from imggen.studies.audit.ladders import Config, Ladder, ladders
from imggen.system.files import Json

CERTAIN = 0.01
"""A metric notices a rung when it differs from the first one with a p-value below."""


class School:
    """Classification accuracy scores: one classifier of the reference, and one of each set."""

    def __init__(self, reference: Images, seed: int) -> None:
        assert reference.labels is not None
        self.pixels, self.labels, self.seed = reference.pixels, reference.labels, seed
        self.teacher = accuracy.teach(self.pixels, self.labels, classes=10, seed=seed)
        self.known: dict[str, Estimate | str] = {}

    def examine(self, pixels: Tensor, labels: Tensor) -> Found:
        """`gan_train` and `gan_test` of a rung; the same images are not taught twice."""
        digest = hashlib.sha256(pixels.numpy().data)
        digest.update(labels.numpy().data)
        name = digest.hexdigest()
        if name not in self.known:
            self.known[name] = attempt(
                lambda: accuracy.gan_train(pixels, labels, self.pixels, self.labels, self.seed)
            )
        answers = accuracy.right(self.teacher, pixels, labels).numpy()
        return {"gan_train": self.known[name], "gan_test": share_of(answers, of="fake")}


def climb(
    ladder: Ladder,
    held_out: Features,
    train: Features,
    extractor: Extractor,
    school: School,
    seed: int,
) -> Json:
    """Every metric on every rung, and which rungs it tells from the first one."""
    near = search_training(held_out, train)
    found: list[Found] = []
    for pixels, labels in ladder.sets:
        images = Images(ladder.name, "damaged", pixels, None)
        features = extract(extractor, images, len(pixels), seed, ladder.name)
        rung = measure(held_out, features) | measure_copies(features, held_out, train, near)
        found.append(rung | school.examine(pixels, labels))
    return describe(ladder, found)


def describe(ladder: Ladder, found: list[Found]) -> Json:
    """A ladder as audit.json holds it."""
    rows = [entries(rung) for rung in found]
    verdicts = {name: [verdict(name, rung, found[0]) for rung in found] for name in rows[0]}
    values = {
        name: [{"value": row[name]["value"], "interval": row[name]["interval"]} for row in rows]
        for name in rows[0]
    }
    about = {key: getattr(ladder, key) for key in ("title", "harms", "unit", "rungs")}
    return {**about, "metrics": values, "verdicts": verdicts}


def verdict(name: str, rung: Found, first: Found) -> str:
    """What a metric says of a rung against the undamaged one: same, worse, better or none."""
    now, before = rung[name], first[name]
    if not isinstance(now, Estimate) or not isinstance(before, Estimate):
        return "none"
    found = compare(now, before)
    if found.p_value >= CERTAIN:
        return "same"
    better = METRICS[name].better
    # Away from the undamaged set is worse, whichever way, where no way is good by itself.
    gained = better == "higher" and found.difference > 0
    gained |= better == "lower" and found.difference < 0
    return "better" if gained else "worse"


def counts(train: Images, config: Config, extractor: Extractor) -> Json:
    """The ladder of sample counts: two halves of the training images, nothing damaged."""
    half = len(train) // 2
    sides = []
    for name, part in (("first half", slice(0, half)), ("second half", slice(half, 2 * half))):
        images = Images(name, "train", train.pixels[part], None)
        sides.append(extract(extractor, images, half, config.seed, name))
    found = []
    sizes = tuple(n for n in config.counts if n <= half)
    for n in sizes:
        index = torch.randperm(half, generator=torch.Generator().manual_seed(n))[:n].numpy()
        found.append(measure(*(side.subset(index) for side in sides)))
    ladder = Ladder("counts", "Fewer or more images", "nothing", sizes, "images per set", ())
    return describe(ladder, found)


def unequal(train: Images, test: Images, config: Config, extractor: Extractor) -> Json:
    """The ladder of unequal counts: more and more training images against all test images."""
    real = extract(extractor, test, len(test), config.seed, "test")
    every = extract(extractor, train, len(train), config.seed, "train")
    sizes = tuple(n for n in config.unequal if n <= len(train))
    found = []
    for n in sizes:
        index = torch.randperm(len(train), generator=torch.Generator().manual_seed(n))[:n].numpy()
        found.append(measure(real, every.subset(index)))
    unit = f"images against {len(test):,}"
    return describe(
        Ladder("unequal", "Fewer or more on one side", "nothing", sizes, unit, ()), found
    )


def examine(train: Images, test: Images, config: Config, extractor: Extractor) -> Json:
    """Every ladder by name, climbed with all metrics."""
    held_out = extract(extractor, test, config.n, config.seed, "reference")
    seen = train.subset(slice(0, config.training))
    known = extract(extractor, seen, len(seen), config.seed, "training set")
    index = choose(test.hashes, config.n, config.seed)  # those of held_out
    school = School(test.subset(index), config.seed)
    results: Json = {}
    for ladder in ladders(train, config):
        print(f"ladder: {ladder.title}", flush=True)
        results[ladder.name] = climb(ladder, held_out, known, extractor, school, config.seed)
    print("ladder: sample counts", flush=True)
    results["counts"] = counts(train, config, extractor)
    results["unequal"] = unequal(train, test, config, extractor)
    return results


def judge(check: checks.Check, seed: int) -> Json:
    """A check on known points, as audit.json holds it."""
    print(f"check: {check.title}", flush=True)
    about = {"title": check.title, "expected": check.expected, "rungs": check.rungs}
    return {**about, "measures": checks.run(check, seed)}
