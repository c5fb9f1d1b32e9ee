"""Writes docs/notebooks/colab.ipynb: a training on Colab that outlives its runtime.

    python scripts/make_colab_notebook.py

It is not run here: what it makes belongs on somebody's Drive.
"""

from __future__ import annotations

from make_notebook import TARGET, as_notebook, save

CELLS = [
    (
        "md",
        "# Train on Colab, and lose nothing\n\n"
        "A runtime on Colab can be taken away at any time. Here the run directory lies on your "
        "Drive, so the training goes on in the next runtime. "
        "[Open this notebook in Colab](https://colab.research.google.com/github/imggen/imggen/blob/"
        "main/docs/notebooks/colab.ipynb), choose a runtime with a GPU, and run all cells.\n\n"
        "**After a disconnect: run all cells again.** That is all. Each cell can be run as often "
        "as you like.",
    ),
    (
        "md",
        "## 1. A place that stays\n\n"
        "Without Colab, a folder of this machine takes the place of Drive.",
    ),
    (
        "code",
        "from pathlib import Path\n\n"
        "try:\n"
        "    from google.colab import drive\n"
        "except ImportError:\n"
        '    KEPT = Path("imggen-kept").resolve()\n'
        "else:\n"
        '    drive.mount("/content/drive")\n'
        '    KEPT = Path("/content/drive/MyDrive/imggen")\n'
        "KEPT.mkdir(parents=True, exist_ok=True)",
    ),
    ("md", "## 2. The code\n\nThe torch that is there stays; what is missing is installed."),
    (
        "code",
        'CODE = Path("imggen-code").resolve()\n'
        "if not CODE.exists():\n"
        "    !git clone --quiet https://github.com/imggen/imggen {CODE}\n"
        "!python -m pip install --quiet --editable {CODE}",
    ),
    (
        "md",
        "A run goes on only with the code that it began with. The first runtime writes down which "
        "that was, and later ones take the same.",
    ),
    (
        "code",
        'COMMIT = KEPT / "commit.txt"\n'
        "if not COMMIT.exists():\n"
        "    !git -C {CODE} rev-parse HEAD > {COMMIT}\n"
        "!git -C {CODE} checkout --quiet $(cat {COMMIT})\n"
        "!python -m imggen doctor --run-dir {KEPT} --root {KEPT}/data",
    ),
    (
        "md",
        "## 3. Train\n\n"
        "Any script of [experiments/](https://github.com/imggen/imggen/tree/main/experiments), "
        "with any of its flags (`--help` lists them); other flags want another `NAME`. A "
        "checkpoint is written every 30 seconds. The cell prints where it starts: at 0, or at "
        "the step of the last checkpoint.",
    ),
    (
        "code",
        'SCRIPT, FLAGS, NAME = "experiments/dcgan_mnist.py", "", "dcgan-mnist"\n'
        'RUN = KEPT / "runs" / NAME\n'
        "!python {CODE}/{SCRIPT} --data.root {KEPT}/data --run-dir {RUN} --docs-dir {RUN}/docs "
        "{FLAGS}",
    ),
    ("md", "## 4. Look"),
    (
        "code",
        "from IPython.display import Image, display\n\n"
        'for path in sorted((RUN / "docs").rglob("*.png")):\n'
        "    print(path.name)\n"
        "    display(Image(str(path)))",
    ),
    (
        "md",
        "## What is kept\n\n"
        "On Drive, in `imggen/runs/NAME`:\n\n"
        "- `checkpoint.pt`, all that the next step depends on. The training goes on from it. If "
        "Drive has only half of it, it goes on from the one before, and says so.\n"
        "- `stats.jsonl` and `frames`: curves and pictures of the way. What is later than the "
        "checkpoint is made again.\n"
        "- `weights.safetensors`, the finished generator: nothing is trained again.\n"
        "- `docs`: figures, scores and their manifest. They are made again if they were not "
        "finished.\n\n"
        "Beside it, `data` holds the downloaded images, and `commit.txt` the version of the code: "
        "delete it, and choose another `NAME`, to take today's.\n\n"
        "Lost are the steps since the last checkpoint. A runtime with another kind of GPU goes on "
        "too, and the log says that the bits then differ. Two runtimes at once on one `NAME` are "
        "one too many: do not count on Drive to stop the second.",
    ),
]


def main() -> None:
    save(as_notebook(CELLS), TARGET.with_name("colab.ipynb"))


if __name__ == "__main__":
    main()
