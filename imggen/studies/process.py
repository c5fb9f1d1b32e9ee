"""Both ways between an image and noise, on trained models.

Forward: what a network is shown in training, by three rules for mixing an image with noise. Back:
what it is given at each pass of a sampler, and which image it expects there. That image is read off
what the network says, by one line of algebra, so nothing is trained (Ho et al. 2020,
arXiv:2006.11239, section 4.3 and Figure 6, look at it too).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypedDict

import torch
import tyro
from torch import Tensor, nn

from imggen.data.images import normalise, to_uint8
from imggen.drawing import grids
from imggen.drawing.strips import lines, strips
from imggen.methods.ddpm import DDPM, betas
from imggen.methods.flow_matching import FlowMatching
from imggen.publishing.study import (
    Begun,
    common_manifest,
    publish_study,
    published_folder,
    published_weights,
)
from imggen.runs.places import find
from imggen.runs.restore import load, with_sampler
from imggen.runs.sampling import SEED, draw, fixed_latents
from imggen.studies.trade import Options, data_of
from imggen.system.command import run_command
from imggen.system.errors import UserError
from imggen.system.files import Json, json_bytes, read_json

COLUMNS, DIGITS, SAMPLES = 11, 10, 500
DIGIT = 3
"""The class whose way back is shown."""
FRAMES_SECONDS, HOLD_SECONDS = 5.0, 2.5
FILE = "process.json"
FIGURES = {
    "forward": (
        "forward.svg",
        "The first test digit under one draw of noise, by three rules; time 0 is the image, 1 the "
        "noise.",
    ),
    "back": (
        "back.svg",
        "One sample of each model on its way: what the network is given, and the image that it "
        "expects behind it.",
    ),
    "walk-back": (
        "back.gif",
        "From noise to ten digits, two rows for each model, DDPM first: what its network is given, "
        "and below it the image that it expects at that pass.",
    ),
    "settled": (
        "settled.svg",
        "How far the image that the network expects is from the one that it ends with: mean "
        "squared difference of a pixel, as a share of what unrelated samples differ by.",
    ),
}


@dataclass(frozen=True)
class Way:
    """A published generator and the sampler that it is watched with."""

    name: str
    generator: str
    sampler: tuple[str, ...]


class Watched(TypedDict):
    """One line of process.json."""

    name: str
    generator: str
    sampler: list[str]
    t: list[float]
    """Time at each pass, from 1, the noise, to 0, the image."""
    unsettled: list[float]


class Pass(NamedTuple):
    """One call of a network."""

    t: float
    z: Tensor
    """What it was given (N, C, H, W)."""
    expected: Tensor
    """The images that it expects behind it, of the same shape, in [-1, 1]."""


def expected(method: object, z: Tensor, t: float, said: Tensor) -> Tensor:
    """The mean of the images behind z (N, C, H, W), from what the `network` says of it."""
    if isinstance(method, DDPM):
        at = round(t * method.config.levels)
        return (z - method.sigma[at] * said) / method.alpha[at]
    return z - t * said


def network(method: object) -> nn.Module:
    """What is asked at each pass. Raises: UserError for a method whose words we can't read."""
    if isinstance(method, DDPM):
        return method.epsilon
    if isinstance(method, FlowMatching):
        return method.v
    raise UserError(f"{type(method).__name__} does not say noise or velocity of an image.")


def watch(way: Way, n: int) -> tuple[list[Pass], Tensor]:
    """Every pass on the way to `n` samples, a class after another, and the samples in uint8.

    Raises: UserError for a name that is not published, an option that its sampler lacks, guidance,
    which asks the network for more than the samples, or a method whose words we can't read.
    """
    trained = with_sampler(load(find(way.generator))[0], way.sampler)
    method, passes = trained.method, list[Pass]()
    if getattr(trained.sampler, "guidance", 1.0) != 1.0:
        raise UserError(f"{way.name} is watched without guidance only: add guidance=1.")

    def seen(_: nn.Module, given: tuple[Tensor, ...], said: Tensor) -> None:
        z, t = given[0].clone(), given[1].flatten()[0].item()
        passes.append(Pass(t, z, expected(method, z, t, said.float()).clamp(-1, 1)))

    handle = network(method).register_forward_hook(seen)
    try:
        y = torch.arange(n) % method.spec.classes if method.spec.classes else None
        made = draw(trained, fixed_latents(method, n, "process"), y)
    finally:
        handle.remove()
    return passes, made


def unsettled(passes: Iterable[Pass], made: Tensor) -> list[float]:
    """At each pass: E|expected - end|², over what the ends of two samples differ by in the mean."""
    end = normalise(made)
    spread = 2 * end.var(dim=0).mean()
    return [((p.expected - end).square().mean() / spread).item() for p in passes]


def mixtures(x: Tensor) -> dict[str, Tensor]:
    """By rule: an image (1, C, H, W) under the same noise, uint8 (COLUMNS, C, H, W)."""
    epsilon = torch.randn(x.shape, generator=torch.Generator().manual_seed(SEED))
    t = torch.linspace(0, 1, COLUMNS)
    rules = {}
    for schedule in ("linear", "cosine"):
        kept = torch.cat([torch.ones(1), (1 - betas(schedule, 1000)).cumprod(0)])
        left = kept[(1000 * t).round().long()].float()
        rules[f"DDPM, {schedule} schedule"] = left.sqrt(), (1 - left).sqrt()
    rules["straight line (flow matching)"] = 1 - t, t
    return {
        name: to_uint8(a[:, None, None, None] * x + s[:, None, None, None] * epsilon)
        for name, (a, s) in rules.items()
    }


def evenly(passes: list[Pass]) -> list[Pass]:
    """COLUMNS of them, the first and the last among them."""
    return [passes[round(i * (len(passes) - 1) / (COLUMNS - 1))] for i in range(COLUMNS)]


def strip_of(passes: list[Pass]) -> tuple[Tensor, Tensor]:
    """What was given and expected of one sample, uint8 (COLUMNS, C, H, W) each."""
    given, believed = (
        torch.stack([getattr(p, part)[DIGIT] for p in evenly(passes)]) for part in ("z", "expected")
    )
    return to_uint8(given.clamp(-1, 1)), to_uint8(believed)


def film(watched: Sequence[list[Pass]], ends: Sequence[Tensor]) -> bytes:
    """GIF: of each model ten digits on their way, and below them what is expected.

    Raises: UserError for ways of different lengths.
    """
    if len({len(passes) for passes in watched}) > 1:
        raise UserError("Ways that are shown side by side must have the same number of passes.")
    frames = []
    for at in range(len(watched[0])):
        rows = [
            to_uint8(part[:DIGITS].clamp(-1, 1))
            for passes in watched
            for part in (passes[at].z, passes[at].expected)
        ]
        frames.append(grids.sheet(torch.cat(rows), DIGITS))
    last = [made[:DIGITS] for made in ends for _ in range(2)]
    frames.append(grids.sheet(torch.cat(last), DIGITS))
    return grids.gif(frames, FRAMES_SECONDS, HOLD_SECONDS)


@dataclass(frozen=True)
class Process:
    """The question with its settings of record, as an experiment without a training."""

    slug: str
    title: str
    ways: tuple[Way, ...]

    method_path = f"{watch.__module__}:watch"
    loop = None

    def config(self) -> Json:
        """The settings of record; the weights are among them: others make it stale."""
        weights = published_weights([way.generator for way in self.ways])
        asked = [[way.name, way.generator, *way.sampler] for way in self.ways]
        record = {
            way.generator: read_json(find(way.generator) / "manifest.json")["config"]["sampler"]
            for way in self.ways
        }  # the options change these, so others make it stale
        ways = {"weights": weights, "samplers": record, "ways": asked, "samples": SAMPLES}
        return {"method": ways}

    def main(self) -> None:
        """Reads the command line, draws, publishes, and exits: 0 done, 2 bad input."""
        run_command(lambda: self.run(tyro.cli(Options, description=f"{self.title}.")))

    def run(self, options: Options) -> None:
        """Draws and publishes; `--from-published` does the same: nothing is trained."""
        begun, config = Begun(), self.config()
        if options.from_published:
            published_folder(self, options, config)
        test = data_of(self.ways[0].generator, options.data.root).load("test")
        watched = [watch(way, SAMPLES) for way in self.ways]
        found = [told(way, *seen) for way, seen in zip(self.ways, watched, strict=True)]
        if not options.publish:
            return
        files = drawn(normalise(test.pixels[:1]), found, watched)
        files[FILE] = json_bytes({"ways": found})
        manifest = common_manifest(self, config, test, SEED) | begun.facts()
        publish_study(self, options, files, manifest)


def told(way: Way, passes: list[Pass], made: Tensor) -> Watched:
    """What process.json holds of one way, and the gist of it on the terminal."""
    t, left = [p.t for p in passes], unsettled(passes, made)
    print(f"{way.name}: half settled at time {half(t, left):.2f}", flush=True)
    return {
        "name": way.name,
        "generator": way.generator,
        "sampler": list(way.sampler),
        "t": t,
        "unsettled": left,
    }


def drawn(
    x: Tensor, found: list[Watched], watched: list[tuple[list[Pass], Tensor]]
) -> dict[str, bytes]:
    """The files of all figures; x (1, C, H, W) is the image that goes under noise."""
    times = [f"{i / (COLUMNS - 1):g}" for i in range(COLUMNS)]
    rows, settled = dict[str, Tensor](), {}
    for way, (passes, _) in zip(found, watched, strict=True):
        rows[f"{way['name']}: given"], rows[f"{way['name']}: expected"] = strip_of(passes)
        settled[way["name"]] = list(zip(way["t"], way["unsettled"], strict=True))
    return {
        FIGURES["forward"][0]: strips(mixtures(x), times, "time"),
        FIGURES["back"][0]: strips(rows, times[::-1], "time, about"),
        FIGURES["walk-back"][0]: film(*zip(*watched, strict=True)),
        FIGURES["settled"][0]: lines(settled, "time (1 is noise)", "not settled yet (share)", 1),
    }


def half(t: list[float], left: list[float]) -> float:
    """The first time at which less than half of the first share is left."""
    return next((time for time, share in zip(t, left, strict=True) if share < left[0] / 2), 0.0)
