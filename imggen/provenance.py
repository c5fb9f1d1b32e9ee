"""What a number or a figure was made from, in hashes that a change of prose does not touch."""

from __future__ import annotations

import ast
import functools
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

RESULTS = (
    *("imggen.nn", "imggen.methods.", "imggen.metrics", "imggen.measures", "imggen.evaluate"),
    *("imggen.extraction", "imggen.sets", "imggen.stacked", "imggen.usefulness"),
    *("imggen.damage", "imggen.ladders"),
)
"""Modules whose definitions decide results, where a module uses them."""

SCORING = "imggen.evaluate"
"""The module whose source hash a metrics.json holds."""


def source_hash(module: str) -> str:
    """SHA-256 of a module and of what it uses from the other modules that make results.

    Taken over the syntax trees, written out again without comments and docstrings. Of another
    module only the imported definitions count, and what these refer to: a new block in `imggen.nn`
    makes nothing stale.
    """
    digest = hashlib.sha256()
    for name, statement in sorted(_used({(module, "*")})):
        digest.update(f"{name}\n{statement}\n".encode())
    return digest.hexdigest()


def _used(waiting: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """(module, source) of all definitions that are reached from (module, name) pairs."""
    seen: set[tuple[str, str]] = set()
    statements = set()
    while waiting:
        module, name = item = waiting.pop()
        if item in seen:
            continue
        seen.add(item)
        tree = _tree(_path(module))
        imported = _imports(tree)
        for statement in tree.body:
            if name != "*" and name not in _defines(statement):
                continue
            if not isinstance(statement, (ast.Import, ast.ImportFrom)):
                statements.add((module, ast.unparse(statement)))
            for node in ast.walk(statement):
                if isinstance(node, ast.Name):
                    waiting.add(imported.get(node.id, (module, node.id)))
    return statements


def _defines(statement: ast.stmt) -> set[str]:
    if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
        return {statement.name}
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement]
    names = (getattr(target, "target", target) for target in targets)
    return {name.id for name in names if isinstance(name, ast.Name)}


def _imports(tree: ast.Module) -> dict[str, tuple[str, str]]:
    """Local name -> (module, name) of what is imported from the modules that make results.

    The name is "*" where a whole module is imported (`from imggen.metrics import kid`).
    """
    found = {}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(RESULTS):
            module = str(node.module)
            for alias in node.names:
                whole = (_path(module).parent / f"{alias.name}.py").exists()
                inner = whole and _path(module).name == "__init__.py"
                item = (f"{module}.{alias.name}", "*") if inner else (module, alias.name)
                found[alias.asname or alias.name] = item
    return found


def _path(module: str) -> Path:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(module)
    return Path(spec.origin)


def _tree(path: Path) -> ast.Module:
    return _bare_tree(path, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=64)
def _bare_tree(path: Path, _changed_ns: int) -> ast.Module:
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
    return tree


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
