"""What does it cost to be safe? A checkpoint, a stop signal and a restart, held to bars."""

from __future__ import annotations

import math
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypedDict, cast

import tyro

from imggen.data.datasets import load
from imggen.drawing.charts import COLOURS, INK, drawing, svg
from imggen.publishing.status import intact
from imggen.publishing.study import (
    Begun,
    StudyOptions,
    common_manifest,
    publish_study,
    published_folder,
    run_folder,
)
from imggen.studies.checkpoints.measure import Measured, Seconds, measure
from imggen.system.command import run_command
from imggen.system.errors import UserError
from imggen.system.files import Json, json_bytes, read_json, write_json

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FILE = "checkpoints.json"
FIGURES = {
    "safety": (
        "safety.svg",
        "What a checkpoint, a stop signal and a restart take; orange is a plain torch.save.",
    )
}
SHOWN = {
    "plain_save": "plain torch.save: stands still",
    "pause": "our checkpoint: stands still",
    "written_within": "our checkpoint: written and read back",
    "step": "a step",
    "step_while_writing": "a step while one is written",
    "signal_to_safe": "from a stop signal to safety",
    "resume_to_first_step": "from the start to the first step",
    "first_line": "from imggen to its first line",
}
"""Rows of the picture, by what was measured."""
LARGEST = 20_000
"""Units: a checkpoint has 13 GB then."""
PAUSE, RESUME, FIRST_LINE = 0.1, 5.0, 1.5
"""Bars: share of a torch.save; seconds; seconds."""


class Bar(NamedTuple):
    """A promise: what was found, and what it may be at most."""

    what: str
    found: float
    at_most: float
    share: bool = False
    """Whether it is one of something else; seconds otherwise."""

    def text(self, value: float) -> str:
        """A value of this promise, for readers."""
        return f"{float(f'{100 * value:.2g}'):g} %" if self.share else seconds_text(value)


def bars(seconds: Seconds) -> list[Bar]:
    """What was promised."""
    return [
        Bar("at a checkpoint training stands still, of what a plain `torch.save` takes",
            seconds["pause"] / seconds["plain_save"], PAUSE, share=True),
        Bar("from a stop signal to a safe checkpoint, beyond the write itself: a step",
            seconds["beyond_the_write"], seconds["step_alone"]),
        Bar("from the start of a process that goes on to its first step, without loading data",
            seconds["resume_to_first_step"] - seconds["data"], RESUME),
        Bar("from `imggen` on the command line to its first line",
            seconds["first_line"], FIRST_LINE),
    ]  # fmt: skip


def seconds_text(seconds: float) -> str:
    """To two digits, in milliseconds below a tenth of a second."""
    seconds = float(f"{seconds:.2g}")
    if seconds < 0.1:
        return f"{float(f'{1000 * seconds:.2g}'):g} ms"
    return f"{seconds:.{max(0, 1 - math.floor(math.log10(seconds)))}f} s"


class Found(TypedDict):
    """checkpoints.json."""

    device: str
    measured: Measured


@dataclass(frozen=True)
class Config:
    """What is saved, and how often."""

    units: int = 4950
    """Of each of two hidden layers of a VAE of small digits, both ways: 50 million parameters."""
    rounds: int = 5
    """Checkpoints, of which the median counts, each after a plain save."""

    def check(self) -> None:
        """Raises: UserError for sizes that mean nothing, or no machine holds."""
        if not 1 <= self.units <= LARGEST or self.rounds < 1:
            raise UserError(
                f"--method.units is between 1 and {LARGEST}, and --method.rounds 1 at least."
            )


@dataclass(frozen=True, kw_only=True)
class Options(StudyOptions):
    """What the script can be asked."""

    method: Config


@dataclass(frozen=True)
class Checkpoints:
    """The question with its settings of record, as an experiment without a training of its own."""

    slug: str
    title: str
    settings: Config = Config()

    method_path = f"{measure.__module__}:{measure.__name__}"
    loop = None

    def config(self) -> Json:
        """The settings of record."""
        return {"method": asdict(self.settings)}

    def main(self) -> None:
        """Reads the command line, does it, and exits: 0 done, 1 a bar is missed, 2 bad input."""
        default = Options(method=self.settings)
        run_command(lambda: self.run(tyro.cli(Options, default=default, description=self.title)))

    def run(self, options: Options) -> int:
        """Measures, says whether promises are kept, and publishes; or only draws again."""
        begun, config = Begun(), {"method": asdict(options.method)}
        if options.from_published:
            folder = published_folder(self, options, config)
            manifest, found = intact(folder, FILE), cast("Found", read_json(folder / FILE))
        else:
            options.method.check()
            measured = self.measured(options)
            manifest = common_manifest(self, config, load("digits"), seed=0) | begun.facts()
            found = {"device": manifest["device"], "measured": measured}
        promised = bars(found["measured"]["seconds"])
        for bar in promised:
            kept = "kept" if bar.found <= bar.at_most else "MISSED"
            print(f"{kept}: {bar.what}: {bar.text(bar.found)} (at most {bar.text(bar.at_most)})")
        if options.publish:
            files = {FIGURES["safety"][0]: picture(found), FILE: json_bytes(found)}
            publish_study(self, options, files, manifest)
        return int(any(bar.found > bar.at_most for bar in promised))

    def measured(self, options: Options) -> Measured:
        """On the disk of the run folder, where the numbers stay.

        Raises: UserError for a folder that can't be written.
        """
        run = run_folder(self, options)
        try:
            run.mkdir(parents=True, exist_ok=True)
            scratch = tempfile.TemporaryDirectory(dir=run)
        except OSError as error:
            raise UserError(f"{run} can't be written ({error.strerror}).") from error
        with scratch as folder:
            measured = measure(options.method.units, options.method.rounds, Path(folder))
        write_json(run / FILE, measured)
        print(f"seconds in {run / FILE}")
        return measured


def picture(found: Found) -> bytes:
    """SVG: a bar for each thing that was timed, with its seconds beside it."""
    with drawing(5.0, 0.44 * len(SHOWN) + 0.9) as (figure, buffer):
        axis = figure.subplots()
        seconds = found["measured"]["seconds"]
        for row, name in enumerate(SHOWN):
            _bar(axis, row, SHOWN[name], seconds[name], ours=name != "plain_save")  # type: ignore[literal-required]
        axis.set(ylim=(len(SHOWN) - 0.4, -0.6), yticks=[], xlabel="seconds")
        axis.spines["left"].set_visible(False)
        return svg(figure, buffer)


def _bar(axis: Axes, row: int, label: str, seconds: float, ours: bool) -> None:
    axis.barh(row + 0.14, seconds, height=0.3, color=COLOURS[0 if ours else 1])
    told = f"{label}: {seconds_text(seconds)}"
    axis.annotate(told, (0, row - 0.2), (2, 0), textcoords="offset points", va="center",
                  fontsize=10, color=INK)  # fmt: skip
