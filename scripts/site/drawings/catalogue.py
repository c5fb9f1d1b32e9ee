"""All drawings by name, and the macro that puts one into a page."""

from __future__ import annotations

import functools
from collections.abc import Callable

from macro import MacroError

from drawings import adversarial, codes, grids, latents, measures, paths, steering
from drawings.sheet import Drawing, Tongue

DRAWINGS: dict[str, Callable[[Tongue], Drawing]] = {
    "game": adversarial.game,
    "transposed-convolution": grids.transposed,
    "latent-plane": latents.plane,
    "coupling": latents.coupling,
    "critic-slope": adversarial.slope,
    "style": adversarial.style,
    "codebook": codes.codebook,
    "causal-mask": grids.mask,
    "next-scale": grids.scales,
    "mixed-mask": grids.mixed,
    "diffusion": paths.diffusion,
    "straight-paths": paths.straight,
    "mean-velocity": paths.mean_velocity,
    "guidance": steering.guidance,
    "drifting": steering.drifting,
    "latent-diffusion": codes.latent_diffusion,
    "precision-recall": measures.balls,
    "two-moments": measures.moments,
}


@functools.cache
def macro(language: str, *name: str) -> str:
    """A drawing as HTML, in the language of the page. Raises: MacroError for another name."""
    if len(name) != 1 or name[0] not in DRAWINGS:
        raise MacroError(f"there is no such drawing: choose {', '.join(DRAWINGS)}")
    return DRAWINGS[name[0]](Tongue(language)).figure()
