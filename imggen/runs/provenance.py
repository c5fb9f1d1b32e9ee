"""What a number or a figure was made from, in hashes that a change of prose does not touch."""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
from pathlib import Path

from imggen.system.errors import UserError

RESULTS = (
    *("imggen.nn", "imggen.methods.", "imggen.metrics", "imggen.features", "imggen.evaluation"),
    *("imggen.studies", "imggen.data.images"),
)
"""The rooms whose definitions decide results, where a module uses them."""

SCORING = "imggen.evaluation.evaluate"
"""The module whose source hash a metrics.json holds."""


def source_hash(module: str) -> str:
    """SHA-256 of what a module says, and of what it uses from the rooms that make results.

    Taken over the syntax trees, written out again without comments, docstrings and the types of
    functions. Where a definition lies does not count: moving it changes no hash. Of another module
    only the imported definitions count, and what these refer to: a new block in `imggen.nn` makes
    nothing stale.

    Raises: ProvenanceError for an import that can't be followed to its definition.
    """
    digest = hashlib.sha256()
    for statement in sorted(_used({(module, "*")})):
        digest.update(f"{statement}\n".encode())
    return digest.hexdigest()


class ProvenanceError(UserError):
    """An import that leads to no definition, so that a change behind it would go unseen."""


def _used(waiting: set[tuple[str, str]]) -> set[str]:
    """The statements of all definitions that are reached from (module, name) pairs."""
    seen: set[tuple[str, str]] = set()
    imports: dict[str, dict[str, tuple[str, str]]] = {}
    statements = set()
    while waiting:
        module, name = item = waiting.pop()
        if item in seen:
            continue
        seen.add(item)
        tree = _tree(_path(module))
        if module not in imports:
            imports[module] = _imports(tree, module)
        imported = imports[module]
        for statement in tree.body:
            if name != "*" and name not in _defines(statement):
                continue
            if not isinstance(statement, (ast.Import, ast.ImportFrom)):
                statements.add(ast.unparse(statement))
            for node in ast.walk(statement):
                if isinstance(node, ast.Name):
                    waiting.add(imported.get(node.id, (module, node.id)))
    return statements


def _defines(statement: ast.stmt) -> set[str]:
    """The names that a statement at the top of a module binds, below `if` and `try` too."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return {statement.name}
    if isinstance(statement, (ast.If, ast.Try)):
        inner = (node for node in ast.iter_child_nodes(statement) if isinstance(node, ast.stmt))
        return set().union(*map(_defines, inner))
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement]
    bound = (node for t in targets for node in ast.walk(getattr(t, "target", t)))
    return {n.id for n in bound if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


def _imports(tree: ast.Module, module: str) -> dict[str, tuple[str, str]]:
    """Local name -> (module, name) of what is imported from the rooms that make results.

    The name is "*" where a whole module is imported (`from imggen.metrics import kid`).

    Raises: ProvenanceError when a name is neither defined where it comes from nor a module.
    """
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith(RESULTS):
                    raise ProvenanceError(
                        f"{module} has `import {alias.name}`, which can't be followed: write "
                        f"`from ... import name`, from the file that defines the name."
                    )
        elif isinstance(node, ast.ImportFrom) and node.level:
            raise ProvenanceError(
                f"{module} has a relative import, which can't be followed: name the module in full."
            )
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                source = _source(str(node.module), alias.name, module)
                if source is not None:
                    found[alias.asname or alias.name] = source
    return found


def _source(module: str, name: str, importer: str) -> tuple[str, str] | None:
    """Where an imported name is defined; None where no results are made."""
    whole = f"{module}.{name}"
    if whole.startswith(RESULTS) and _is_module(whole):
        return whole, "*"
    if not module.startswith(RESULTS):
        return None
    if name not in set().union(*map(_defines, _tree(_path(module)).body)):
        raise ProvenanceError(
            f"{importer} imports {name} from {module}, which does not define it: import it from "
            "the file that does, or a change of it would go unseen."
        )
    return module, name


def _is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def _path(module: str) -> Path:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise ProvenanceError(f"{module} is no module, so its code can't be followed.")
    return Path(spec.origin)


def _tree(path: Path) -> ast.Module:
    return _bare_tree(path, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=256)
def _bare_tree(path: Path, _changed_ns: int) -> ast.Module:
    """The file's syntax tree without docstrings and the types of functions."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [s for s in body if not _is_prose(s)]  # type: ignore[attr-defined]
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            node.returns = None
        elif isinstance(node, ast.arg):
            node.annotation = None
    return tree


def _is_prose(statement: ast.stmt) -> bool:
    """Docstrings, and the strings under dataclass fields, are statements that do nothing."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )
