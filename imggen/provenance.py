"""What a number or a figure was made from, in hashes that a change of prose does not touch."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

RUNTIME_ONLY = {
    "train": {"device", "log_steps", "checkpoint_seconds", "frames", "tensorboard"},
    "data": {"root"},
}
"""Settings that change how a run goes on, but not what comes out of it on one kind of machine."""


def source_hash(module: str) -> str:
    """SHA-256 of a method module and of the `imggen.nn` and method modules that it imports.

    Taken over the syntax trees without comments and docstrings.
    """
    digest = hashlib.sha256()
    for name in sorted(_closure(module)):
        digest.update(f"{name}\n{_bare_source(_path(name))}\n".encode())
    return digest.hexdigest()


def _closure(module: str) -> set[str]:
    found, waiting = set[str](), [module]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _imports(_path(name))
    return found


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module is not None:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            if name == "imggen.nn" or name.startswith("imggen.methods."):
                try:
                    _path(name)
                except ModuleNotFoundError:
                    continue  # a name inside a module, not a module
                yield name


def _path(module: str) -> Path:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(module)
    return Path(spec.origin)


def _bare_source(path: Path) -> str:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            # Docstrings, and the strings under dataclass fields, are statements that do nothing.
            node.body = [  # type: ignore[attr-defined]
                statement
                for statement in body
                if not (
                    isinstance(statement, ast.Expr)
                    and isinstance(statement.value, ast.Constant)
                    and isinstance(statement.value.value, str)
                )
            ]
    return ast.dump(tree)


def inputs(config: dict[str, Any]) -> dict[str, Any]:
    """A run's config without the settings that don't change its result; tuples become lists."""
    return {
        part: {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in settings.items()
            if key not in RUNTIME_ONLY.get(part, set())
        }
        for part, settings in config.items()
    }


def differences(was: Any, now: Any, name: str = "") -> Iterator[str]:
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
