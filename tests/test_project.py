"""The repository itself: layout, dependencies between modules, workflows, pins."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from imggen.launch.script import FOLDER, copies

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGE = REPOSITORY / "imggen"
ACTIONLINT = shutil.which("actionlint", path=str(Path(sys.executable).parent))


ROOMS: dict[str, set[str]] = {
    "system": set(),
    "nn": set(),
    "drawing": set(),
    "metrics": set(),
    "methods": {"nn"},
    "data": {"system"},
    "runs": {"data", "methods", "system"},
    "features": {"data", "metrics", "system"},
    "publishing": {"data", "drawing", "features", "methods", "runs", "system"},
    "training": {"data", "methods", "runs", "system"},
    "launch": {"data", "publishing", "runs", "system"},
    "evaluation": {"data", "drawing", "features", "methods", "metrics", "runs", "system"},
    "studies": {"data", "drawing", "evaluation", "features", "methods", "metrics", "publishing",
                "runs", "system", "training"},
    "experiment": {"data", "evaluation", "methods", "publishing", "runs", "system", "training"},
    "sweep": {"data", "drawing", "evaluation", "experiment", "publishing", "runs", "system",
              "training"},
    "cli": {"data", "drawing", "evaluation", "features", "launch", "publishing", "runs",
            "system"},
    "__main__": {"cli"},
}  # fmt: skip
"""Room -> the rooms that it may import, lowest first: arrows only point up this table."""


def name_of(path: Path) -> str:
    """The dotted name of a file of the package."""
    parts = path.relative_to(REPOSITORY).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imports(path: Path) -> set[str]:
    """Names of the modules of imggen that a file imports, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.startswith("imggen")}
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("imggen"):
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= whole & MODULES.keys() or {str(node.module)}
    return found


def test_every_room_is_in_the_table():
    rooms = {name.split(".")[1] for name in MODULES if "." in name}
    assert rooms == ROOMS.keys()
    order = list(ROOMS)
    for at, (room, allowed) in enumerate(ROOMS.items()):
        assert allowed <= set(order[:at]), f"{room} imports a room above itself"


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_import_only_what_the_table_allows(room):
    used = set()
    for name, path in MODULES.items():
        if name.split(".")[1:2] == [room]:
            used |= {imported.split(".")[1] for imported in imports(path) if "." in imported}
    assert used - {room} <= ROOMS[room]
    assert ROOMS[room] <= used, f"the table allows {room} more than it needs"


def test_no_module_imports_itself_through_others():
    seen: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, " -> ".join([*above, name])
        if name not in seen:
            for imported in imports(MODULES[name]):
                visit(imported, (*above, name))
            seen.add(name)

    for name in MODULES:
        visit(name, ())


def test_no_room_hands_names_on():
    """A re-export would hide a change from the hashes, and a file from its reader."""
    for name, path in MODULES.items():
        if path.name == "__init__.py":
            # The package itself listens to stop signals before torch is imported.
            assert imports(path) <= ({"imggen.system.early"} if name == "imggen" else set()), name


def test_what_takes_seconds_to_import_waits_until_it_is_needed():
    """torchvision brings torch's compiler along, the counter of operations Triton."""
    slow = ("torchvision", "torch.utils.flop_counter", "scipy.stats", "sklearn", "matplotlib")
    for name, path in MODULES.items():
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ImportFrom):
                found = {f"{node.module}.{alias.name}" for alias in node.names}
            else:
                found = {a.name for a in node.names} if isinstance(node, ast.Import) else set()
            assert not [each for each in found if each.startswith(slow)], name


def test_files_stay_readable():
    folders = ("imggen", "experiments", "scripts", "tests")
    for path in (p for folder in folders for p in (REPOSITORY / folder).rglob("*.py")):
        limit = 300 if (REPOSITORY / "imggen") in path.parents else 420
        assert len(path.read_text().splitlines()) <= limit, path


def test_pins_are_exact_and_name_no_index():
    lines = (REPOSITORY / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.\[\]-]+==[\w.+!-]+", pin) for pin in pins), pins
    assert not any(word in "\n".join(lines) for word in ("http", "index", "file:"))
    pinned = {pin.split("==")[0].lower().replace("_", "-") for pin in pins}
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    for requirement in [
        *project["dependencies"],
        *extras["docs"],
        *extras["dev"],
        *extras["slides"],
    ]:
        name = re.match(r"[\w.-]+", requirement)[0].lower().replace("_", "-")
        assert name in pinned, f"{name} has no pin"


def test_the_readme_is_short_and_its_commands_exist():
    readme = (REPOSITORY / "README.md").read_text()
    assert len(readme.splitlines()) < 70
    for path in re.findall(r"(?:\./|python |sbatch )((?:scripts|experiments)/[\w./-]+)", readme):
        assert (REPOSITORY / path).exists(), path
    for path in re.findall(r"\]\((?!http)([^)]+)\)", readme):
        assert (REPOSITORY / path).exists(), path


SCRIPTS = ["scripts/demo", "scripts/test", ".ci/run"]


@pytest.mark.parametrize("script", [*SCRIPTS, *(f"{FOLDER}/{name}" for name in copies())])
def test_shell_scripts_parse(script):
    subprocess.run(["bash", "-n", REPOSITORY / script], check=True)
    assert (REPOSITORY / script).stat().st_mode & 0o111


def actionlint(*paths: Path) -> subprocess.CompletedProcess[str]:
    assert ACTIONLINT is not None
    return subprocess.run([ACTIONLINT, *paths], capture_output=True, text=True, cwd=REPOSITORY)


@pytest.mark.skipif(ACTIONLINT is None, reason="actionlint has no binary for this platform")
def test_workflows_are_valid_and_a_broken_one_is_found(tmp_path):
    workflows = sorted((REPOSITORY / ".github" / "workflows").glob("*.yml"))
    assert {path.name for path in workflows} == {"ci.yml", "pages.yml"}
    done = actionlint(*workflows)
    assert done.returncode == 0, done.stdout
    broken = tmp_path / "broken.yml"
    broken.write_text(workflows[0].read_text().replace("runs-on:", "runs-onn:"))
    assert actionlint(broken).returncode != 0
