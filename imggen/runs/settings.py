"""Settings as a manifest holds them, and how two of them differ."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from imggen.system.files import Json

Manifest = Json
"""manifest.json, as DESIGN § 7 lays it out."""

RUNTIME_ONLY = {
    "train": {"device", "log_steps", "checkpoint_seconds", "frames", "tensorboard"},
    "data": {"root"},
}
"""Settings that change how a run goes on, but not what comes out of it on one kind of machine."""


def inputs(config: Json) -> Json:
    """A run's config without the settings that don't change its result; tuples become lists."""
    return {
        part: {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in settings.items()
            if key not in RUNTIME_ONLY.get(part, set())
        }
        for part, settings in config.items()
    }


def differences(was: object, now: object, name: str = "") -> Iterator[str]:
    """One phrase per value that differs between two nested dicts."""
    if isinstance(was, dict) and isinstance(now, dict):
        for key in sorted({*was, *now}):
            prefix = f"{name}.{key}" if name else key
            if key not in was:
                yield f"{prefix} is new ({now[key]!r})"
            elif key not in now:
                yield f"{prefix} is gone (was {was[key]!r})"
            else:
                yield from differences(was[key], now[key], prefix)
    elif was != now:
        yield f"{name} was {was!r} and is now {now!r}"


def as_json(value: Any) -> Any:
    """Dataclasses to dicts and tuples to lists, as a manifest holds them."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = dataclasses.asdict(value)
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_json(item) for item in value]
    return str(value) if isinstance(value, Path) else value
