"""The `imggen` command: status, evaluate, sample."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import tyro
from tyro.conf import Positional

from imggen import evaluate as scoring
from imggen import export, figures, published
from imggen.command import run_command
from imggen.errors import UserError
from imggen.files import write_bytes
from imggen.status import status as published_status

COLUMNS = 8


def status(json: bool = False, docs_dir: Path | None = None) -> int:
    """Are the published figures what the experiment scripts would make today?

    Exit code 1 when something is stale or missing.

    Args:
        json: Print JSON for machines.
        docs_dir: The docs folder; default docs/ of this checkout.
    """
    rows = published_status(docs=docs_dir)
    if json:
        print(_json(rows))
    else:
        for row in rows:
            print(f"{row['slug']:<20} {row['state']}")
            for reason in row["reasons"]:
                print(f"{'':<20} - {reason}")
        if not rows:
            print("no experiments found: run this in a checkout of imggen")
    return 0 if all(row["state"] == "fresh" for row in rows) else 1


def evaluate(
    real: Positional[str],
    fake: Positional[str],
    features: str = "auto",
    inception_weights: Path | None = None,
    n: int = scoring.SAMPLES,
    json: bool = False,
    root: Path | None = None,
    docs_dir: Path | None = None,
    seed: int = scoring.SEED,
) -> int:
    """Scores generated images against real ones, with 95 % intervals.

    Args:
        real: A folder of images, a .npy/.npz of uint8 images, or NAME:SPLIT (mnist:test).
        fake: The same, or a run directory or published slug, which is sampled on the fly.
        features: auto, lenet, inception, pixels, or a file of Inception weights (.pth).
        inception_weights: Inception's weights file, as torch-fidelity publishes it.
        n: Images of each set that are compared at most; 0 takes all.
        json: Print JSON for machines.
        root: Folder that holds the datasets; default $IMGGEN_DATA.
        docs_dir: The docs folder that holds published runs; default docs/ of this checkout.
        seed: Seed of the generated samples and of which images are compared.
    """
    if n < 0:
        raise UserError(f"--n is {n}: give a number of images from 0 up (0 takes all).")
    real_images = scoring.resolve(real, root)
    wanted = min(len(real_images), n or len(real_images))
    fake_images = scoring.resolve_fake(fake, wanted, root, seed, docs_dir)
    floor = None if ":" in fake else scoring.other_split(real, root)
    result = scoring.evaluate(real_images, fake_images, floor, features, n, inception_weights, seed)
    print(_json(result)) if json else scoring.table(result)
    return 0


def sample(
    run: Positional[str],
    out: Path,
    n: int = 64,
    seed: int = 0,
    docs_dir: Path | None = None,
) -> int:
    """Draws images from a run directory or a published slug into one PNG grid.

    Args:
        run: A run directory or a published slug (dcgan-mnist).
        out: The PNG to write, or a .npy for the uint8 pixels (N, H, W, C).
        n: Number of images.
        seed: Seed of the latents.
        docs_dir: The docs folder that holds published runs; default docs/ of this checkout.
    """
    if n < 1:
        raise UserError(f"--n is {n}: give a number of images from 1 up.")
    if out.suffix not in (".png", ".npy"):
        raise UserError(f"--out {out} must end in .png or .npy.")
    images = published.sample_images(run, n, seed, docs_dir)
    if out.suffix == ".png":
        scale = export.scale_for(images.shape[1])
        write_bytes(out, figures.png(figures.image_grid(images.pixels, COLUMNS, scale)))
    else:
        write_bytes(out, figures.npy(images.pixels))
    print(f"{n} images of {images.name} in {out}")
    return 0


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)


def main() -> None:
    """Entry point of the `imggen` command."""
    commands: dict[str, Any] = {"status": status, "evaluate": evaluate, "sample": sample}
    run_command(
        lambda: tyro.extras.subcommand_cli_from_dict(
            commands, prog="imggen", description="The executable blog of image generation."
        )
    )


if __name__ == "__main__":
    main()
