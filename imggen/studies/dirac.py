"""The smallest GAN, played by four papers' rules: who arrives, and who turns for ever?

The Dirac-GAN of Mescheder et al. (2018, arXiv:1801.04406, section 2): real data at 0, a
generator that always says theta, a discriminator D(x) = psi x. It is solved at theta = psi = 0.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import tyro

from imggen.drawing.charts import COLOURS, INK, drawing, svg
from imggen.publishing.study import (
    Begun,
    StudyOptions,
    common_manifest,
    publish_study,
    published_folder,
)
from imggen.system.command import run_command
from imggen.system.files import Json, json_bytes

if TYPE_CHECKING:
    import numpy.typing as npt
    from matplotlib.axes import Axes

FIGURES = {
    "dirac": (
        "dirac.svg",
        "Position of the generator and slope of the discriminator, step by step from the ring.",
    )
}
FILE = "dirac.json"
GAMMA, CLIP, PENALTY = 0.5, 1.0, 0.25
"""Weight of R1, bound of WGAN's weights, weight of WGAN-GP's penalty."""


class Rule(NamedTuple):
    """A paper's game on two numbers."""

    title: str
    slope: Callable[[float], float]
    """f'(theta psi), where D ascends on f(theta psi) and G descends."""
    pull: Callable[[float], float]
    """What a penalty adds to psi's step."""
    bound: float = math.inf
    """To what psi is clipped."""


def logistic_slope(t: float) -> float:
    """Derivative of -log(1 + exp(-t)): the original GAN."""
    return 1 / (1 + math.exp(t))


RULES = {
    "gan": Rule("GAN (2014)", logistic_slope, lambda psi: 0.0),
    "wgan": Rule("WGAN, clipped (2017)", lambda t: 1.0, lambda psi: 0.0, CLIP),
    "wgan_gp": Rule(
        "WGAN-GP (2017)",
        lambda t: 1.0,
        lambda psi: -2 * PENALTY * (psi - math.copysign(1.0, psi)),
    ),
    "r1": Rule("GAN with R1 (2018)", logistic_slope, lambda psi: -GAMMA * psi),
}


@dataclass(frozen=True)
class Config:
    """How the games are played."""

    lr: float = 0.05
    """Step of both players' gradient descent."""
    steps: int = 600
    """Steps of each player, who take turns."""
    theta: float = 1.0
    """Where the generator begins."""
    psi: float = 1.0
    """The discriminator's slope at first."""


def play(rule: Rule, c: Config) -> npt.NDArray[np.float64]:
    """The path (steps + 1, 2) of (theta, psi) under alternating gradient descent."""
    theta, psi = c.theta, c.psi
    path = [(theta, psi)]
    for _ in range(c.steps):
        theta -= c.lr * psi * rule.slope(theta * psi)
        psi += c.lr * (theta * rule.slope(theta * psi) + rule.pull(psi))
        psi = min(max(psi, -rule.bound), rule.bound)
        path.append((theta, psi))
    return np.array(path)


def eigenvalue(gamma: float) -> complex:
    """Of the R1 game's flow at its solution: -gamma/2 + sqrt(gamma²/4 - f'(0)²), f'(0) = 1/2."""
    return -gamma / 2 + cmath.sqrt(gamma**2 / 4 - 0.25)


def picture(paths: dict[str, npt.NDArray[np.float64]]) -> bytes:
    """SVG: one game beside the other, from the ring to the dot."""
    with drawing(6.6, 6.8) as (figure, buffer):
        panels = figure.subplots(2, 2).flat
        for axis, (name, path) in zip(panels, paths.items(), strict=True):
            _panel(axis, RULES[name].title, path)
        return svg(figure, buffer)


def _panel(axis: Axes, title: str, path: npt.NDArray[np.float64]) -> None:
    axis.plot(*path.T, color=COLOURS[0], linewidth=1.0)
    axis.plot(*path[0], "o", color=COLOURS[1], markerfacecolor="none", markersize=9)
    axis.plot(*path[-1], "o", color=COLOURS[1], markersize=6)
    axis.plot(0, 0, "+", color=INK, markersize=12)
    axis.set(xlim=(-1.9, 1.9), ylim=(-1.9, 1.9), aspect="equal")
    axis.set_title(title, fontsize=11)
    axis.set_xlabel("generator: position")
    axis.set_ylabel("discriminator: slope")
    axis.grid(color=INK, alpha=0.2, linewidth=0.6)


@dataclass(frozen=True, kw_only=True)
class Options(StudyOptions):
    """What the script can be asked."""

    method: Config


@dataclass(frozen=True)
class Dirac:
    """The games with their settings of record, as an experiment without data."""

    slug: str
    title: str
    settings: Config

    method_path = f"{play.__module__}:play"
    loop = None

    def config(self) -> Json:
        """The settings of record."""
        return {"method": vars(self.settings)}

    def main(self) -> None:
        """Reads the command line, plays, publishes and exits: 0 done, 2 bad input."""
        default = Options(method=self.settings)
        run_command(lambda: self.run(tyro.cli(Options, default=default, description=self.title)))

    def run(self, options: Options) -> None:
        """Plays all games and publishes; `--from-published` plays them again."""
        begun, config = Begun(), {"method": vars(options.method)}
        if options.from_published:
            published_folder(self, options, config)
        paths = {name: play(rule, options.method) for name, rule in RULES.items()}
        numbers = {
            name: {"start": float(np.hypot(*path[0])), "end": float(np.hypot(*path[-1]))}
            for name, path in paths.items()
        }
        for name, distance in numbers.items():
            print(f"{name}: {distance['start']:.3g} from the solution, then {distance['end']:.3g}")
        if not options.publish:
            return
        manifest = common_manifest(self, config, None, seed=0) | begun.facts()
        files = {FIGURES["dirac"][0]: picture(paths), FILE: json_bytes({"distances": numbers})}
        publish_study(self, options, files, manifest)
