"""The pictures of a trained method: what they show, what they need, how they are drawn."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import imageio.v3 as iio
import torch
from torch import Tensor

from imggen.data.images import Images, normalise, to_uint8
from imggen.drawing import charts, grids
from imggen.features.extractors import lenet_extractor
from imggen.methods import BoundsWeights, HasCodes, Method, Reconstructs
from imggen.publishing.completions import completes, completions_png
from imggen.publishing.edits import edits, edits_png
from imggen.publishing.surprisals import surprisals_svg, surprises
from imggen.runs.folder import RunDir
from imggen.runs.sampling import SEED, Trained, conditions, draw, fixed_latents, walk
from imggen.runs.settings import Manifest
from imggen.system.errors import UserError

SAMPLES, COLUMNS = 128, 16
WALK_POINTS, WALK_STEPS, WALK_ROWS, WALK_COLUMNS = 4, 11, 3, 8
GIF_FRAMES = 30
FRAME_ROWS, FRAME_COLUMNS = 4, 8
COLOUR_CELLS, COLOUR_COLUMNS = 20, 10
"""Images of a frame in colour, which takes more bytes than a grey one."""
MANIFOLD = 20
CODE_ROWS, CODE_STEPS = 5, 10
MOST_ROWS = 20
"""Up to so many classes get a row each in a grid; of more, labels are drawn."""


@dataclass(frozen=True)
class Shown:
    """All that a figure may be drawn from."""

    trained: Trained
    test: Images
    run: RunDir | None = None
    """None when there are only the published weights: what a training left behind is not drawn."""
    batch_size: int = 0
    last: Method | None = None
    """The method as the training left it, its weights not averaged; None without a training."""


class Figure(NamedTuple):
    """One row of the catalogue of figures, read by `drawn` and by the site."""

    kind: str
    file: str
    caption: str
    needed: Callable[[Shown], bool]
    drawn: Callable[[Shown], bytes]
    of_training: bool = False
    """Only a training can make it: it is kept when the others are drawn again."""


def by_class(trained: Trained, rows: int, columns: int) -> tuple[int, Tensor | None]:
    """How many images a grid shows, and their conditions: a row for each class, if they are few."""
    classes = trained.method.spec.classes
    if not 0 < classes <= MOST_ROWS:
        return rows * columns, conditions(trained, rows * columns, SEED)
    return classes * columns, torch.arange(classes).repeat_interleave(columns)


def in_turn(trained: Trained, n: int) -> Tensor | None:
    """Conditions of `n` images: one class after the other, where there are classes."""
    classes = trained.method.spec.classes
    return torch.arange(n) % classes if classes else conditions(trained, n, SEED)


def in_colour(method: Method) -> bool:
    """Whether images have more than one channel."""
    return method.spec.shape[0] > 1


def frame_cells(trained: Trained) -> tuple[int, Tensor | None, int]:
    """How many images a frame of a training shows, their conditions, and in how many columns."""
    if in_colour(trained.method):
        return COLOUR_CELLS, in_turn(trained, COLOUR_CELLS), COLOUR_COLUMNS
    return *by_class(trained, FRAME_ROWS, FRAME_COLUMNS), FRAME_COLUMNS


def draw_frame(run: RunDir, trained: Callable[[Method], Trained]) -> Callable[[Method, int], None]:
    """A function that keeps a picture of the same latents at a training step."""

    def keep(method: Method, step: int) -> None:
        shown = trained(method)
        n, y, columns = frame_cells(shown)
        pixels = draw(shown, fixed_latents(method, n, "frames"), y)
        grid = grids.sheet(pixels, columns)
        run.add_frame(step, grids.png(grid))

    return keep


def samples_png(shown: Shown) -> bytes:
    """A grid of the first samples of seed 0; a row for each class of a conditional method."""
    trained = shown.trained
    n, y = by_class(trained, SAMPLES // COLUMNS, COLUMNS)
    pixels = draw(trained, fixed_latents(trained.method, n, "samples"), y)
    return grids.png(grids.sheet(pixels, COLUMNS))


def interpolation_gif(shown: Shown) -> bytes:
    """A closed spherical walk between latents, each cell of the grid its own walk.

    A conditional method has a column for each class, if these are few: the label stays.
    """
    trained, classes = shown.trained, shown.trained.method.spec.classes
    columns = classes if 0 < classes <= MOST_ROWS else WALK_COLUMNS
    cells = columns * (1 if in_colour(trained.method) else WALK_ROWS)
    y = in_turn(trained, cells)
    points = fixed_latents(trained.method, WALK_POINTS * cells, "walk")
    frames = []
    for z in walk(points.unflatten(0, (WALK_POINTS, cells)), WALK_STEPS):
        pixels = draw(trained, z, y)
        frames.append(grids.sheet(pixels, columns))
    return grids.gif(frames, seconds=6.0)


def training_gif(shown: Shown) -> bytes:
    """The frames of a run, one after the other."""
    # Evenly spaced over the frames that were kept, the last one always among them.
    paths = _frames(shown)
    most = GIF_FRAMES // 2 if in_colour(shown.trained.method) else GIF_FRAMES
    paths = paths[:: -math.ceil(len(paths) / most)][::-1]
    frames = [torch.from_numpy(iio.imread(path)) for path in paths]
    frames = [f if f.ndim == 3 else f[..., None].expand(-1, -1, 3) for f in frames]
    return grids.gif([frame.numpy() for frame in frames], seconds=5.0, hold_last=2.5)


def _frames(shown: Shown) -> list[Path]:
    return [] if shown.run is None else shown.run.frame_files()


def curves_svg(shown: Shown) -> bytes:
    """Training curves."""
    return charts.curves(_rows(shown), shown.trained.method.panels, shown.batch_size)


def _rows(shown: Shown) -> list[dict[str, float]]:
    return [] if shown.run is None else shown.run.read_stats()


def reconstructions_png(shown: Shown) -> bytes:
    """Test images above their reconstructions, four pairs of rows, sixteen wide."""
    method = shown.trained.method
    assert isinstance(method, Reconstructs)
    x = shown.test.pixels[: 4 * COLUMNS]
    with torch.inference_mode():
        decoded = to_uint8(method.reconstruct(normalise(x)))
    pairs = [part.view(-1, COLUMNS, *x.shape[1:]) for part in (x, decoded)]
    pixels = torch.stack(pairs, dim=1).flatten(0, 2)
    return grids.png(grids.sheet(pixels, COLUMNS))


def manifold_png(shown: Shown) -> bytes:
    """Decoded 2-D latents at the quantiles of the standard normal (arXiv:1312.6114, Figure 4)."""
    pixels = manifold(shown)
    return grids.png(grids.image_grid(pixels, MANIFOLD, max(1, 42 // pixels.shape[2]), padding=0))


def manifold(shown: Shown) -> Tensor:
    """Images (400, C, H, W) at the quantiles of two standard normal latents."""
    quantiles = (torch.arange(MANIFOLD, dtype=torch.float64) + 0.5) / MANIFOLD
    axis = math.sqrt(2) * torch.erfinv(2 * quantiles - 1)
    first, second = torch.meshgrid(axis, axis, indexing="xy")
    z = torch.stack([first, -second], dim=-1).view(-1, 2).float()
    return draw(shown.trained, z)


def regions_png(shown: Shown) -> bytes:
    """The manifold on colours: the class that our frozen classifier reads in each image."""
    pixels = manifold(shown)
    logits = lenet_extractor().run(pixels)[1]
    assert logits is not None
    palette = [[int(colour[at : at + 2], 16) for at in (1, 3, 5)] for colour in charts.KINDS]
    colours = torch.tensor(palette)[logits.argmax(dim=1)]
    grid = grids.image_grid(grids.tinted(pixels, colours), MANIFOLD, 1, padding=0)
    return grids.png(grid)


def codes_png(shown: Shown) -> bytes:
    """For each code five rows of latents that differ in nothing else, one block below another."""
    method = shown.trained.method
    assert isinstance(method, HasCodes)
    blocks: list[grids.Pixels] = []
    for z in method.turned(fixed_latents(method, CODE_ROWS, "samples"), CODE_STEPS).values():
        pixels = draw(shown.trained, z.flatten(0, 1))
        blocks.append(grids.sheet(pixels, CODE_STEPS))
    return grids.png(grids.stacked(blocks))


def weights_svg(shown: Shown) -> bytes:
    """Histogram of the critic's weights at the end of the training."""
    assert isinstance(shown.last, BoundsWeights)
    return charts.histogram(shown.last.critics_weights().double().cpu().numpy(), "critic's weight")


def _has_regions(shown: Shown) -> bool:
    """Whether there is a map, of what our classifier was taught."""
    return _is_planar(shown) and shown.test.name == "mnist"


def _has_ways_between(shown: Shown) -> bool:
    """Whether latents have a direction and a length: vectors or images, not symbols.

    Nor the uniforms in [0, 1) by which symbols are chosen one after the other.
    """
    z = fixed_latents(shown.trained.method, SAMPLES, "walk")
    return z.is_floating_point() and z.ndim > 1 and bool((z < 0).any())


def _is_planar(shown: Shown) -> bool:
    method = shown.trained.method
    if method.spec.classes or method.spec.source or not isinstance(method, Reconstructs):
        return False
    return fixed_latents(method, 1, "walk").shape[1:] == (2,)


def _reconstructs(shown: Shown) -> bool:
    return isinstance(shown.trained.method, Reconstructs) and len(shown.test) >= 4 * COLUMNS


FIGURES = (
    Figure("samples", "samples.png", "Random samples of seed 0, none left out.",
           lambda shown: True, samples_png),
    Figure("interpolation", "interpolation.gif", "Spherical walks between random latents.",
           _has_ways_between, interpolation_gif),
    Figure("training", "training.gif", "The same latents through training.",
           lambda shown: len(_frames(shown)) > 1, training_gif, of_training=True),
    Figure("curves", "curves.svg", "Training statistics against images seen.",
           lambda shown: len(_rows(shown)) > 1, curves_svg, of_training=True),
    Figure("reconstructions", "reconstructions.png",
           "Test images, and below each its reconstruction.", _reconstructs, reconstructions_png),
    Figure("manifold", "manifold.png", "The two latent dimensions, at the quantiles of the prior.",
           _is_planar, manifold_png),
    Figure("codes", "codes.png",
           "One code turned from left to right in each row, a block of rows for each code.",
           lambda shown: isinstance(shown.trained.method, HasCodes), codes_png),
    Figure("completions", "completions.png",
           "Test images, their upper halves, and below each how the method goes on from it.",
           lambda shown: completes(shown.trained, shown.test),
           lambda shown: completions_png(shown.trained, shown.test)),
    Figure("surprisals", "surprisals.svg",
           "Test images in black and white, and below what each part cost, given those before it.",
           lambda shown: surprises(shown.trained, shown.test),
           lambda shown: surprisals_svg(shown.trained, shown.test)),
    Figure("weights", "weights.svg", "The critic's weights at the end of the training.",
           lambda shown: isinstance(shown.last, BoundsWeights), weights_svg, of_training=True),
    Figure("regions", "regions.png",
           "The same map on colours: the digit that our frozen classifier reads at each place.",
           _has_regions, regions_png),
    Figure("edits", "edits.png",
           "Test images, and below each its latent moved against and along a property, decoded: "
           "first the ink, then how far strokes lean.",
           lambda shown: _has_ways_between(shown) and edits(shown.trained, shown.test),
           lambda shown: edits_png(shown.trained, shown.test)),
)  # fmt: skip


def kept(folder: Path, manifest: Manifest) -> dict[str, bytes]:
    """The published figures that only the training could make, by file name.

    Raises: UserError when one is gone.
    """
    files = [figure.file for figure in FIGURES if figure.of_training]
    try:
        return {file: (folder / file).read_bytes() for file in files if file in manifest["files"]}
    except OSError as error:
        raise UserError(
            f"{error.filename} can't be read ({error.strerror}), and only a training makes it: "
            "train again, or bring the file back."
        ) from error


def drawn(shown: Shown) -> dict[str, bytes]:
    """Every figure that can be drawn, by file name."""
    return {figure.file: figure.drawn(shown) for figure in FIGURES if figure.needed(shown)}
