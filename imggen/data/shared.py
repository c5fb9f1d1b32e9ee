"""A dataset in several processes: read by one of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

from imggen.data.images import Images
from imggen.system.distributed import from_main
from imggen.system.world import World


def load_once(load: Callable[[], Images], world: World) -> Images:
    """What `load` gives on rank 0, on every rank: the others need no files, and see the same."""
    if world.size == 1:
        return load()

    def told() -> dict[str, object]:
        images = load()
        return {field.name: getattr(images, field.name) for field in fields(images)}

    found = from_main(told, world)
    assert found is not None
    return Images(**found)
