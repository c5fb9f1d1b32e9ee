"""Two published generators on the same test images: in which metrics do they differ for certain?"""

from __future__ import annotations

from dataclasses import dataclass, field

import tyro

from imggen.data.datasets import DataConfig
from imggen.data.images import Images
from imggen.evaluation.evaluate import Result, evaluate, gather
from imggen.publishing.study import (
    Begun,
    StudyOptions,
    common_manifest,
    publish_study,
    published_weights,
)
from imggen.runs.restore import sample_images
from imggen.runs.settings import as_json
from imggen.system.command import run_command
from imggen.system.files import Json, json_bytes

FILE = "comparison.json"
SEED = 0


def compare(first: str, second: str, train: Images, test: Images) -> Result:
    """Scores of two published generators, as many samples of each as test images, and p-values.

    Raises: UserError for a name that is not published.
    """
    sets = (sample_images(name, len(test), SEED) for name in (first, second))
    return evaluate(gather(test, next(sets), train, next(sets)))


@dataclass(frozen=True, kw_only=True)
class Options(StudyOptions):
    """What the script can be asked."""

    data: DataConfig


@dataclass(frozen=True)
class Comparison:
    """A comparison with its settings of record, as an experiment without a training."""

    slug: str
    title: str
    first: str
    second: str
    data: DataConfig = field(default_factory=lambda: DataConfig(name="mnist"))

    method_path = f"{compare.__module__}:compare"
    loop = None

    def config(self) -> Json:
        """The settings of record; the weights are among them: others make it stale."""
        weights = published_weights((self.first, self.second))
        return {"method": {"weights": weights}, "data": as_json(self.data)}

    def main(self) -> None:
        """Reads the command line, compares, publishes and exits: 0 done, 2 bad input."""
        default = Options(data=self.data)
        run_command(lambda: self.run(tyro.cli(Options, default=default, description=self.title)))

    def run(self, options: Options) -> None:
        """Compares and publishes; `--from-published` changes nothing, as nothing is trained."""
        begun = Begun()
        train, test = (options.data.load(split) for split in ("train", "test"))
        result = compare(self.first, self.second, train, test)
        if not options.publish:
            return
        config = {**self.config(), "data": as_json(options.data)}
        manifest = common_manifest(self, config, train, SEED)
        manifest |= {"features": result["features"], **begun.facts()}
        publish_study(self, options, {FILE: json_bytes(result)}, manifest)
