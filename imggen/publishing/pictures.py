"""A run directory becomes a folder of figures and numbers that the blog shows."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import imageio.v3 as iio
import torch

from imggen.data.images import Images, normalise, to_uint8
from imggen.drawing import charts, grids
from imggen.runs import sampling
from imggen.runs.folder import RunDir
from imggen.runs.sampling import SEED, fixed_latents, generate, images_of
from imggen.system.files import write_bytes

SAMPLES, COLUMNS = 128, 16
WALK_POINTS, WALK_STEPS, WALK_ROWS, WALK_COLUMNS = 4, 11, 3, 8
GIF_FRAMES = 30
FRAME_ROWS, FRAME_COLUMNS = 4, 8
MANIFOLD = 20


def scale_for(height: int) -> int:
    """How often a pixel is repeated so that an image is about 56 pixels high."""
    return max(1, round(56 / height))


def draw_frame(run: RunDir) -> Callable[[Any, int], None]:
    """A function that keeps a picture of the same latents at a training step."""

    def draw(method: Any, step: int) -> None:
        pixels = images_of(method, fixed_latents(method, FRAME_ROWS * FRAME_COLUMNS, "frames"))
        grid = grids.image_grid(pixels, FRAME_COLUMNS, scale_for(pixels.shape[2]))
        write_bytes(run.frames / f"step-{step:08d}.png", grids.png(grid))

    return draw


def samples_png(method: Any) -> bytes:
    """A grid of the first samples of seed 0."""
    pixels = generate(method, SAMPLES, SEED)
    return grids.png(grids.image_grid(pixels, COLUMNS, scale_for(pixels.shape[2])))


def interpolation_gif(method: Any) -> bytes:
    """A closed spherical walk between latents, each cell of the grid its own walk."""
    cells = WALK_ROWS * WALK_COLUMNS
    points = fixed_latents(method, WALK_POINTS * cells, "walk").view(WALK_POINTS, cells, -1)
    frames = []
    for z in sampling.walk(points, WALK_STEPS):
        pixels = images_of(method, z)
        frames.append(grids.image_grid(pixels, WALK_COLUMNS, scale_for(pixels.shape[2])))
    return grids.gif(frames, seconds=6.0)


def training_gif(run: RunDir) -> bytes | None:
    """The frames of a run, one after the other; None when it kept fewer than two."""
    paths = sorted(run.frames.glob("step-*.png"))
    if len(paths) < 2:
        return None
    # Evenly spaced over the frames that were kept, the last one always among them.
    paths = paths[:: -math.ceil(len(paths) / GIF_FRAMES)][::-1]
    frames = [torch.from_numpy(iio.imread(path)) for path in paths]
    frames = [f if f.ndim == 3 else f[..., None].expand(-1, -1, 3) for f in frames]
    return grids.gif([frame.numpy() for frame in frames], seconds=5.0, hold_last=2.5)


def curves_svg(method: Any, run: RunDir, batch_size: int) -> bytes | None:
    """Training curves; None when the run has fewer than two rows."""
    rows = run.read_stats()
    return charts.curves(rows, method.panels, batch_size) if len(rows) > 1 else None


def reconstructions_png(method: Any, test: Images) -> bytes:
    """Test images above their reconstructions, eight pairs of rows wide by sixteen."""
    x = test.pixels[: 4 * COLUMNS]
    with torch.inference_mode():
        decoded = to_uint8(method.reconstruct(normalise(x)))
    rows = torch.stack(
        [x.view(-1, COLUMNS, *x.shape[1:]), decoded.view(-1, COLUMNS, *x.shape[1:])], 1
    )
    return grids.png(grids.image_grid(rows.flatten(0, 2), COLUMNS, scale_for(x.shape[2])))


def manifold_png(method: Any) -> bytes:
    """Decoded 2-D latents at the quantiles of the standard normal (arXiv:1312.6114, Figure 4)."""
    quantiles = (torch.arange(MANIFOLD, dtype=torch.float64) + 0.5) / MANIFOLD
    axis = math.sqrt(2) * torch.erfinv(2 * quantiles - 1)
    first, second = torch.meshgrid(axis, axis, indexing="xy")
    z = torch.stack([first, -second], dim=-1).view(-1, 2).float()
    pixels = images_of(method, z)
    return grids.png(grids.image_grid(pixels, MANIFOLD, max(1, 42 // pixels.shape[2]), padding=0))


def redraw(method: Any, test: Images) -> dict[str, bytes]:
    """The figures that need nothing but the weights and test images, by file name."""
    drawn = {"samples.png": samples_png(method), "interpolation.gif": interpolation_gif(method)}
    if hasattr(method, "reconstruct") and len(test) >= 4 * COLUMNS:
        drawn["reconstructions.png"] = reconstructions_png(method, test)
    if hasattr(method, "reconstruct") and method.config.z_dim == 2:
        drawn["manifold.png"] = manifold_png(method)
    return drawn
