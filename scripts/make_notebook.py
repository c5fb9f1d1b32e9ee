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
        "from imggen import figures, published\n\n\n"
        "def show(pixels, columns=12):\n"
        "    return Image(figures.png(figures.image_grid(pixels, columns, scale=2)))",
    ),
    (
        "md",
        "## A generator is a function\n\n`published.load` gives the method with its averaged "
        "weights and its manifest.",
    ),
    (
        "code",
        'dcgan, manifest = published.load(published.find("dcgan-mnist"))\n'
        'print(manifest["title"], manifest["steps"], "steps on", manifest["device"])\n'
        "show(published.generate(dcgan, 36, seed=2026))",
    ),
    ("md", "## Other families, same calls"),
    (
        "code",
        'vae, _ = published.load(published.find("vae-mnist"))\n'
        "show(published.generate(vae, 36, seed=2026))",
    ),
    (
        "md",
        "## A walk between two latents\n\nEach row goes from one random digit to another on the "
        "sphere.",
    ),
    (
        "code",
        "from imggen.data import to_uint8\n\n"
        "start = dcgan.latents(4, torch.Generator().manual_seed(5))\n"
        "end = dcgan.latents(4, torch.Generator().manual_seed(6))\n"
        "rows = [figures.slerp(start, end, t / 11) for t in range(12)]\n"
        "z = torch.stack(rows, dim=1).flatten(0, 1)\n"
        "show(to_uint8(dcgan.sample(z)))",
    ),
    (
        "md",
        "## Coherence against variety\n\nLatents near the mean of the prior give typical digits, "
        "latents far out odd ones. Here the VAE's latents are scaled by 0.5 (two top rows) and by "
        "1.5 (two bottom rows).",
    ),
    (
        "code",
        "z = vae.latents(24, torch.Generator().manual_seed(7))\n"
        "show(to_uint8(vae.sample(torch.cat([0.5 * z, 1.5 * z]))))",
    ),
]


def main() -> None:
    make = {"md": new_markdown_cell, "code": new_code_cell}
    notebook = new_notebook(cells=[make[kind](source) for kind, source in CELLS])
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number}"  # nbformat draws random ids: the file would always differ
    notebook.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    NotebookClient(
        notebook, timeout=300, resources={"metadata": {"path": TARGET.parents[2]}}
    ).execute()
    for cell in notebook.cells:
        cell["metadata"] = {}
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, TARGET)
    print(f"wrote {TARGET}")


if __name__ == "__main__":
    main()
