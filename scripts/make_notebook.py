"""Writes and runs docs/notebooks/sample.ipynb: published weights, samples, a walk, a score.

    python scripts/make_notebook.py

The outputs on the page are those of this run; the site build does not run notebooks.
"""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

TARGET = Path(__file__).resolve().parents[1] / "docs" / "notebooks" / "sample.ipynb"

CELLS = [
    (
        "md",
        "# Sample from the published weights\n\n"
        "The weights in the repository are enough to draw new digits: nothing is trained here. "
        "How they were trained: [DCGAN](../../blog/dcgan-mnist/), [VAE](../../blog/vae-mnist/).",
    ),
    (
        "code",
        "import torch\nfrom IPython.display import Image\n\n"
        "from imggen.drawing.grids import image_grid, png\n"
        "from imggen.runs.places import find\n"
        "from imggen.runs.restore import load\n"
        "from imggen.runs.sampling import draw, generate, walk\n\n\n"
        "def show(pixels, columns=12):\n"
        "    return Image(png(image_grid(pixels, columns, scale=2)))",
    ),
    (
        "md",
        "## A generator is a function\n\n`load` gives a trained method, with its averaged weights "
        "and how it samples, and the manifest of its training.",
    ),
    (
        "code",
        'dcgan, manifest = load(find("dcgan-mnist"))\n'
        'print(manifest["title"], manifest["steps"], "steps on", manifest["device"])\n'
        "pixels, _ = generate(dcgan, 36, seed=2026)\n"
        "show(pixels)",
    ),
    ("md", "## Other families, same calls"),
    (
        "code",
        'vae, _ = load(find("vae-mnist"))\npixels, _ = generate(vae, 36, seed=2026)\nshow(pixels)',
    ),
    (
        "md",
        "A conditional generator draws what it is asked for, one label an image. Here are twelve "
        "digits for each of three labels.",
    ),
    (
        "code",
        'cgan, _ = load(find("cgan-mnist"))\n'
        "z = cgan.method.latents(36, torch.Generator().manual_seed(1))\n"
        "y = torch.tensor([2, 7, 8]).repeat_interleave(12)\n"
        "show(draw(cgan, z, y))",
    ),
    (
        "md",
        "## A walk between two latents\n\nEach row goes from one random digit to another on the "
        "sphere.",
    ),
    (
        "code",
        "points = dcgan.method.latents(8, torch.Generator().manual_seed(5)).view(2, 4, -1)\n"
        "there = torch.stack(walk(points, 12)[:12], dim=1)\n"
        "show(draw(dcgan, there.flatten(0, 1)))",
    ),
    (
        "md",
        "## Coherence against variety\n\nLatents near the mean of the prior give typical digits, "
        "latents far out odd ones. Here the VAE's latents are scaled by 0.5 (two top rows) and by "
        "1.5 (two bottom rows).",
    ),
    (
        "code",
        "z = vae.method.latents(24, torch.Generator().manual_seed(7))\n"
        "show(draw(vae, torch.cat([0.5 * z, 1.5 * z])))",
    ),
]


def as_notebook(cells: list[tuple[str, str]]) -> nbformat.NotebookNode:
    """A notebook of ("md" or "code", text), which has not been run."""
    make = {"md": new_markdown_cell, "code": new_code_cell}
    notebook = new_notebook(cells=[make[kind](source) for kind, source in cells])
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number}"  # nbformat draws random ids: the file would always differ
    notebook.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    return notebook


def save(notebook: nbformat.NotebookNode, target: Path) -> None:
    """Writes a notebook without what its kernel noted about the time."""
    for cell in notebook.cells:
        cell["metadata"] = {}
    target.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, target)
    print(f"wrote {target}")


def main() -> None:
    notebook = as_notebook(CELLS)
    NotebookClient(
        notebook, timeout=300, resources={"metadata": {"path": TARGET.parents[2]}}
    ).execute()
    save(notebook, TARGET)


if __name__ == "__main__":
    main()
