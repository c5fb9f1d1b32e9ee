"""What a number or a figure was made from, in hashes that a change of prose does not touch."""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
from dataclasses import dataclass, field
from pathlib import Path

from imggen.system.errors import UserError

RESULTS = (
    *("imggen.nn", "imggen.methods.", "imggen.metrics", "imggen.features", "imggen.evaluation"),
    *("imggen.studies", "imggen.data.images", "imggen.runs.sampling", "imggen.runs.conditions"),
    *("imggen.runs.weights", "imggen.system.seeds"),
)
"""Rooms and modules whose definitions decide results, where a module uses them."""

SCORING = ("imggen.evaluation.method", "imggen.runs.weights")
"""The modules whose source hash a metrics.json holds."""

ROUNDS = 16
"""So far away two definitions must differ in what they use to be told apart."""

Definition = tuple[str, str]
"""(module, name); the name is "*" for all of a module, "" for what it does by itself."""


class ProvenanceError(UserError):
    """An import that leads to no definition, so that a change behind it would go unseen."""


@dataclass(frozen=True)
class Said:
    """What a definition says, and what the names in it mean."""

    text: str
    followed: dict[str, Definition]
    """By the name that the text uses: another definition that decides results."""
    others: dict[str, str]
    """By the name that the text uses: what it is called where it was imported from."""


@dataclass(frozen=True)
class Parsed:
    """A module without prose and the types of functions."""

    says: dict[str, list[ast.stmt]]
    """Its statements by the names that they bind; "" are statements that do something."""
    imports: dict[str, Definition | str]
    said: dict[str, Said] = field(default_factory=dict)
    """What was asked before: methods share most of what they use."""


def source_hash(*modules: str) -> str:
    """SHA-256 of what modules say, and of what they use from the rooms that make results.

    Taken over the syntax trees, written out again without comments, docstrings and the types of
    functions, and over what each name in them means. Where a definition lies does not count: moving
    it changes no hash. Of another module only the imported definitions count, and what these refer
    to: a new block in `imggen.nn` makes nothing stale.

    Raises: ProvenanceError for an import that can't be followed to its definition.
    """
    said = _reached([(module, "*") for module in modules])
    # Every definition is named by a hash of what it says, then again and again by that and the
    # hashes of what it refers to (colour refinement): no place enters, and circles do no harm.
    hashes = {
        key: _digest(found.text, *sorted(_pairs(found.others))) for key, found in said.items()
    }
    for _ in range(ROUNDS):
        hashes = {
            key: _digest(
                hashes[key],
                *sorted(_pairs({name: hashes[at] for name, at in found.followed.items()})),
            )
            for key, found in said.items()
        }
    return _digest(*sorted(hashes.values()))


def _pairs(names: dict[str, str]) -> list[str]:
    return [f"{name} = {meaning}" for name, meaning in names.items()]


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _reached(waiting: list[Definition]) -> dict[Definition, Said]:
    """All definitions that are used by the given ones, and these."""
    said: dict[Definition, Said] = {}
    while waiting:
        key = waiting.pop()
        if key not in said:
            said[key] = _said(*key)
            waiting.extend(said[key].followed.values())
    return said


def _said(module: str, name: str) -> Said:
    """What a name of a module says: the statements that bind it."""
    parsed = _module(module)
    if name not in parsed.said:
        parsed.said[name] = _meant(module, name, parsed)
    return parsed.said[name]


def _meant(module: str, name: str, parsed: Parsed) -> Said:
    says, imports = parsed.says, parsed.imports
    statements = says.get(name, [])
    followed = {each: (module, each) for each in says if name == "*"}
    if name and "" in says:
        followed[""] = (module, "")  # a call may change any of the module's definitions
    others = {}
    for node in (node for statement in statements for node in ast.walk(statement)):
        if not isinstance(node, ast.Name):
            continue
        meaning = imports.get(node.id, (module, node.id) if node.id in says else None)
        if isinstance(meaning, tuple) and meaning != (module, name):
            followed[node.id] = meaning
        elif isinstance(meaning, str):
            others[node.id] = meaning
    return Said("\n".join(map(ast.unparse, statements)), followed, others)


def _defines(statement: ast.stmt) -> set[str]:
    """The names that a statement at the top of a module binds, below `if` and `try` too."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return {statement.name}
    if isinstance(statement, (ast.If, ast.Try)):
        inner = (node for node in ast.iter_child_nodes(statement) if isinstance(node, ast.stmt))
        return set().union(*map(_defines, inner))
    if isinstance(statement, ast.Expr):
        return set()
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement]
    bound = (node for t in targets for node in ast.walk(getattr(t, "target", t)))
    return {n.id for n in bound if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


def _acts(statement: ast.stmt, own: set[str]) -> bool:
    """Whether a statement at the top of a module may change what its definitions mean.

    Definitions and assignments to names do not, unless they call a method of one of the module's
    own definitions or are decorated by one.
    """
    if isinstance(statement, (ast.If, ast.Try)):
        inner = (node for node in ast.iter_child_nodes(statement) if isinstance(node, ast.stmt))
        return any(_acts(node, own) for node in inner)
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        used = [node for part in statement.decorator_list for node in ast.walk(part)]
        return any(isinstance(node, ast.Name) and node.id in own for node in used)
    if not isinstance(statement, (ast.Assign, ast.AnnAssign)):
        return True
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    if any(
        isinstance(node, (ast.Subscript, ast.Attribute)) for t in targets for node in ast.walk(t)
    ):
        return True
    return any(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in own
        for node in ast.walk(statement)
    )


def _imports(tree: ast.Module, module: str) -> dict[str, Definition | str]:
    """Local name -> what is imported: a definition that decides results, or a name elsewhere.

    A whole module (`from imggen.metrics import kid`) is the definition "*" of it.

    Raises: ProvenanceError when a name is neither defined where it comes from nor a module.
    """
    found: dict[str, Definition | str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith(RESULTS):
                    raise ProvenanceError(
                        f"{module} has `import {alias.name}`, which can't be followed: write "
                        f"`from ... import name`, from the file that defines the name."
                    )
                found[alias.asname or alias.name.split(".")[0]] = (
                    alias.name if alias.asname else alias.name.split(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.level:
            raise ProvenanceError(
                f"{module} has a relative import, which can't be followed: name the module in full."
            )
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                source = _source(str(node.module), alias.name, module)
                found[alias.asname or alias.name] = source
    return found


def _source(module: str, name: str, importer: str) -> Definition | str:
    """Where an imported name is defined; what it is called where no results are made."""
    whole = f"{module}.{name}"
    if whole.startswith(RESULTS) and _is_module(whole):
        return whole, "*"
    if not module.startswith(RESULTS):
        return name if module.split(".")[0] == "imggen" else whole
    if name not in _module(module).says:
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


def _module(module: str) -> Parsed:
    path = _path(module)
    return _parsed(module, path, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=256)
def _parsed(module: str, path: Path, _changed_ns: int) -> Parsed:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imports = _imports(tree, module)
    for node in ast.walk(tree):
        for part in ("body", "orelse", "finalbody"):
            if isinstance(statements := getattr(node, part, None), list):
                setattr(node, part, [s for s in statements if not _is_beside_the_point(s)])
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            node.returns = None
        elif isinstance(node, ast.arg):
            node.annotation = None
    says: dict[str, list[ast.stmt]] = {}
    own = set().union(*map(_defines, tree.body))
    for statement in tree.body:
        acts = {""} if _acts(statement, own) else set()
        for name in _defines(statement) | acts:
            says.setdefault(name, []).append(statement)
    return Parsed(says, imports)


def _is_beside_the_point(statement: ast.stmt) -> bool:
    """Imports, whose meaning is looked up; docstrings, and the strings under dataclass fields."""
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        return True
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )
