"""From a generator to images: the one way to draw samples."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from imggen.data.images import Images, to_uint8
from imggen.methods import Method
from imggen.runs.conditions import asked_labels, draw_labels, draw_sources
from imggen.system.errors import UserError
from imggen.system.seeds import derive_seed

SEED = 0
"""Seed of the latents in every figure: no sample is chosen by hand."""
BLOCK = 500
"""Images drawn at a time. The noise of each block has a seed of its own: part of what is drawn."""


@dataclass(frozen=True)
class Trained:
    """A trained method, and what one must know to draw from it."""

    method: Method
    sampler: object | None = None
    """An instance of the paper's `Sampler`; None where there is one way only."""
    label_counts: tuple[int, ...] = ()
    """How often each label occurs in the training images."""
    sources: Tensor | None = None
    """uint8 (N, C, H, W) held-out images to make images from."""

    def replace(self, method: Method) -> Trained:
        """The same with other weights."""
        return dataclasses.replace(self, method=method)


@torch.inference_mode()
def draw(trained: Trained, z: Tensor, y: Tensor | None = None, seed: int = SEED) -> Tensor:
    """uint8 images (n, C, H, W) on the CPU from latents (n, ...) and conditions (n, ...) or None.

    Raises: UserError when the method can't draw in this way.
    """
    device = next(trained.method.parameters()).device
    parts = z.split(BLOCK)
    conditions = [None] * len(parts) if y is None else y.split(BLOCK)
    if y is not None and len(y) != len(z):
        raise UserError(f"{len(z)} latents and {len(y)} conditions: give one for each.")
    made = []
    with torch.random.fork_rng(devices=[]):
        for number, (part, condition) in enumerate(zip(parts, conditions, strict=True)):
            torch.manual_seed(derive_seed("sampling noise", seed, number))
            condition = None if condition is None else condition.to(device)
            try:
                x = trained.method.sample(part.to(device), condition, trained.sampler)
            except ValueError as error:
                raise UserError(f"This method can't draw such images: {error}.") from error
            made.append(to_uint8(x).cpu())
    return torch.cat(made)


def conditions(trained: Trained, n: int, seed: int, label: int | None = None) -> Tensor | None:
    """What `n` samples are conditioned on: labels drawn like the training labels, or sources.

    Raises: UserError for a label out of range or for a method without labels.
    """
    spec = trained.method.spec
    if label is not None:
        return asked_labels(spec, label, n)
    if spec.source is not None:
        if trained.sources is None:
            raise UserError("This method makes images from others, and none are at hand.")
        return draw_sources(trained.sources, n, seed)
    return draw_labels(trained.label_counts, n, seed) if spec.classes else None


def generate(
    trained: Trained, n: int, seed: int, label: int | None = None
) -> tuple[Tensor, Tensor | None]:
    """`n` images as uint8 (n, C, H, W), and their conditions, all from one seed."""
    y = conditions(trained, n, seed, label)
    generator = torch.Generator().manual_seed(derive_seed("samples", seed))
    return draw(trained, trained.method.latents(n, generator), y, seed), y


def generated(
    trained: Trained,
    n: int,
    seed: int,
    name: str,
    classes: tuple[str, ...],
    label: int | None = None,
) -> Images:
    """`n` generated images as a dataset; of a conditional method with the labels asked for."""
    pixels, y = generate(trained, n, seed, label)
    split = f"samples, seed {seed}"
    if not trained.method.spec.classes:
        return Images(name, split, pixels, None)
    return Images(name, split, pixels, y, classes)


def fixed_latents(method: Method, n: int, purpose: str) -> Tensor:
    """The same `n` latents for the same figure, always."""
    return method.latents(n, torch.Generator().manual_seed(derive_seed(purpose, SEED)))


def slerp(start: Tensor, end: Tensor, t: float) -> Tensor:
    """Spherical interpolation between rows of (N, d), at fraction t in [0, 1] of the angle.

    Straight lines pass near the centre, where a Gaussian in many dimensions has no mass (White
    2016, arXiv:1609.04468). Norms are interpolated linearly; parallel rows fall back to a line.
    """
    norm_start, norm_end = start.norm(dim=1, keepdim=True), end.norm(dim=1, keepdim=True)
    cosine = (start * end).sum(dim=1, keepdim=True) / (norm_start * norm_end).clamp_min(1e-12)
    angle = cosine.clamp(-1, 1).acos()
    sine = angle.sin()
    straight = sine < 1e-6
    safe = torch.where(straight, torch.ones_like(sine), sine)
    weight_start = torch.where(
        straight, torch.full_like(sine, 1 - t), ((1 - t) * angle).sin() / safe
    )
    weight_end = torch.where(straight, torch.full_like(sine, t), (t * angle).sin() / safe)
    direction = weight_start * start / norm_start.clamp_min(1e-12)
    direction = direction + weight_end * end / norm_end.clamp_min(1e-12)
    return direction * ((1 - t) * norm_start + t * norm_end)


def walk(points: Tensor, steps: int) -> list[Tensor]:
    """Closed spherical walk through points (K, N, ...): K·steps latents (N, ...), evenly eased."""
    latents = []
    flat = points.flatten(2)
    for i in range(len(points)):
        start, end = flat[i], flat[(i + 1) % len(points)]
        for j in range(steps):
            # Cosine easing: the walk rests a moment at each point that was drawn.
            at = slerp(start, end, 0.5 - 0.5 * math.cos(math.pi * j / steps))
            latents.append(at.view(points.shape[1:]))
    return latents
