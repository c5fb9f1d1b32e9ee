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

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGE = REPOSITORY / "imggen"
ACTIONLINT = shutil.which("actionlint", path=str(Path(sys.executable).parent))


def imports(path: Path) -> set[str]:
    """Names of the modules of imggen that a file imports, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found |= {node.module, *names} if node.module.startswith("imggen") else set()
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.startswith("imggen")}
    return found


def modules(pattern: str) -> list[Path]:
    found = sorted(PACKAGE.glob(pattern))
    assert found
    return found


@pytest.mark.parametrize("path", modules("methods/*.py"), ids=lambda p: p.stem)
def test_methods_import_only_blocks_and_other_papers(path):
    for name in imports(path):
        assert name == "imggen.methods" or name.startswith(("imggen.nn", "imggen.methods."))


@pytest.mark.parametrize(
    "path", [*modules("metrics/*.py"), PACKAGE / "figures.py", PACKAGE / "nn.py"]
)
def test_metrics_figures_and_blocks_import_nothing_else(path):
    assert all(name.startswith("imggen.metrics") for name in imports(path))


def test_the_loop_imports_no_paper():
    allowed = ("Batch", "Method", "Shape")
    for name in imports(PACKAGE / "train.py"):
        assert not name.startswith("imggen.methods.") or name.endswith(allowed), name
        assert not name.startswith(("imggen.experiment", "imggen.export", "imggen.metrics"))


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
    for requirement in [*project["dependencies"], *extras["docs"], *extras["dev"]]:
        name = re.match(r"[\w.-]+", requirement)[0].lower().replace("_", "-")
        assert name in pinned, f"{name} has no pin"


def test_the_readme_is_short_and_its_commands_exist():
    readme = (REPOSITORY / "README.md").read_text()
    assert len(readme.splitlines()) < 70
    for path in re.findall(r"(?:\./|python |sbatch )((?:scripts|experiments)/[\w./]+)", readme):
        assert (REPOSITORY / path).exists(), path
    for path in re.findall(r"\]\((?!http)([^)]+)\)", readme):
        assert (REPOSITORY / path).exists(), path


@pytest.mark.parametrize("script", ["scripts/demo", "scripts/test", "scripts/slurm.sh", ".ci/run"])
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
