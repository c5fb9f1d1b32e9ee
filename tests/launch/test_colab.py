"""The notebook for Colab: valid cells, and commands that go on after a disconnect."""

from __future__ import annotations

import builtins
import shlex
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager

REPOSITORY = Path(__file__).resolve().parents[2]
NOTEBOOK = REPOSITORY / "docs" / "notebooks" / "colab.ipynb"
FLAGS = "--data.name digits --method.width 4 --train.frames 2 --no-publish --train.steps"


@pytest.fixture
def cells():
    """The code of each cell as Python sees it."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs for cell in code), "it is not run here"
    return [TransformerManager().transform_cell(cell.source) for cell in code]


def test_the_notebook_is_what_its_script_makes(monkeypatch):
    monkeypatch.syspath_prepend(str(REPOSITORY / "scripts"))
    from make_colab_notebook import CELLS

    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert [cell.source for cell in notebook.cells] == [text for _, text in CELLS]
    nbformat.validate(notebook)


def test_run_all_cells_again_goes_on(cells, run, tmp_path, monkeypatch):
    """With a local folder in place of Drive, and this checkout in place of a clone."""
    said = []

    def session(flags: str) -> None:
        space: dict = {}

        def system(command: str) -> None:
            words = shlex.split(command.format(**space).split(" > ")[0])
            if words[:2] == ["git", "clone"]:
                Path(words[-1]).symlink_to(REPOSITORY)
            elif "rev-parse" in words:
                space["COMMIT"].write_text("abc\n")
            elif "imggen" in words:
                said.append(run("imggen", *words[words.index("imggen") + 1 :]))
            elif words[0] == "python" and "pip" not in words:
                said.append(run(*words[1:]))

        monkeypatch.setattr(
            builtins, "get_ipython", lambda: SimpleNamespace(system=system), raising=False
        )
        for cell in cells:
            cell = cell.replace('mnist.py", ""', f'mnist.py", "{flags}"')
            exec(compile(cell, "cell", "exec"), space)

    monkeypatch.chdir(tmp_path)
    session(f"{FLAGS} 10")
    session(f"{FLAGS} 20")
    assert [done.returncode for done in said] == [0] * 4, [done.stderr for done in said]
    assert "starting of 10" in said[1].stdout and "resuming at step 10 of 20" in said[3].stdout
    kept = tmp_path / "imggen-kept" / "runs" / "dcgan-mnist"
    assert (kept / "checkpoint.pt").exists() and (kept / "weights.safetensors").exists()
    assert f"--docs-dir {kept}/docs" in " ".join(said[3].args), "figures lie on Drive too"
    assert {path.name for path in tmp_path.iterdir()} == {"imggen-kept", "imggen-code"}
