"""The `imggen` command: status, evaluate, sample, compare, doctor, launch, runs, fetch.

Libraries that take seconds to import are imported where they are needed: help is quick.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

from imggen import __version__
from imggen.evaluation import protocol
from imggen.launch.commands import launch, runs
from imggen.launch.doctor import doctor
from imggen.launch.fetch import fetch
from imggen.system.command import run_command
from imggen.system.errors import UserError
from imggen.system.files import Json, refuse_unwritable, write_bytes

COLUMNS = 8
MANY_SAMPLES, MOST_SAMPLES = 20_000, 1_000_000
"""Images are drawn into memory."""


def status(json: bool = False, docs_dir: Path | None = None) -> int:
    """Are the published figures what the experiment scripts would make today?

    Exit code 1 when something is stale or missing.

    Args:
        json: Print JSON for machines.
        docs_dir: The docs folder; default docs/ of this checkout.
    """
    begun("reading what is published and the scripts that made it")
    from imggen.publishing.status import status as published_status

    rows = published_status(docs=docs_dir)
    if json:
        print(_json(rows))
    else:
        for row in rows:
            print(f"{row['slug']:<20} {row['state']}")
            for reason in row["reasons"]:
                print(f"{'':<20} - {reason}")
    return 0 if all(row["state"] == "fresh" for row in rows) else 1


def evaluate(
    real: Annotated[Positional[str], tyro.conf.arg(metavar="REAL")],
    fake: Annotated[Positional[str], tyro.conf.arg(metavar="FAKE")],
    against: str | None = None,
    train: str | None = None,
    features: str = "auto",
    weights: Annotated[Path | None, tyro.conf.arg(aliases=["--inception-weights"])] = None,
    n: int = protocol.SAMPLES,
    json: bool = False,
    figure: Path | None = None,
    utility: bool = False,
    cache: bool = True,
    root: Path | None = None,
    docs_dir: Path | None = None,
    seed: int = protocol.SEED,
    size: int | None = None,
    grey: bool = False,
    skip_unreadable: bool = False,
    sampler: tuple[str, ...] = (),
) -> int:
    """Scores generated images against real ones, with 95 % intervals.

    Args:
        real: A folder of images (8 bits; sub-folders are classes; ./-x for one called -x), a
            .npy/.npz of uint8 images (N, H, W[, 3]), a .npy of features (n, d), or NAME:SPLIT
            (mnist:test, or its first images as in mnist:test[:500]).
        fake: The same, or a run directory or published slug, which is sampled on the fly.
        against: A second generator, as `fake`: is the first better?
        train: The images that the generator was trained on, as `real`: gives the floor, and looks
            for copies. NAME:train by default where REAL is NAME:test.
        features: auto (with --weights inception, else lenet for grey 28x28 images, colour for RGB
            ones, pixels for others), lenet, colour, inception, pixels, a file of Inception weights
            (.pth), or another network of torch-fidelity (vgg16, clip-vit-b-32, ...;
            dinov2-vit-b-14, ... come from torch.hub and take no weights).
        weights: The network's weights file, as torch-fidelity reads it.
        n: Images of each set that are compared at most; 0 takes as many as the smallest set has.
        json: Print JSON for machines.
        figure: Also draw the result to this .png.
        utility: Also train classifiers on one set and test them on the other; needs labels.
        cache: Keep the features of real images for the next time.
        root: Folder that holds the datasets; default $IMGGEN_DATA.
        docs_dir: The docs folder that holds published runs; default docs/ of this checkout.
        seed: Seed of the generated samples and of which images are compared.
        size: Take the middle square of every image, resized to so many pixels.
        grey: Make every image grey.
        skip_unreadable: Leave out files of folders that can't be read, and count them.
        sampler: Other settings of FAKE's sampler than those of record: truncation=0.7.
    """
    begun("loading libraries")
    from imggen.data.prepare import Wanted
    from imggen.evaluation import evaluate as scoring
    from imggen.evaluation import report, resolve, scorecard
    from imggen.features import extract
    from imggen.features.cache import cache_folder, forget_older_code, prune
    from imggen.runs.provenance import source_hash

    if n < 0:
        raise UserError(f"--n is {n}: give a number of images from 0 up (0 takes all).")
    if figure is not None and figure.suffix.lower() != ".png":
        raise UserError(f"--figure {figure} must end in .png.")
    refuse_unwritable("--figure", figure)
    refuse_negative(seed)
    wanted = Wanted(size, grey)
    wanted.check("--size")
    reading = resolve.Reading(root, wanted, skip_unreadable)
    real_set = resolve.resolve(real, reading)
    fakes = min(len(real_set), n or len(real_set))
    fake_set = resolve.resolve_fake(fake, fakes, reading, seed, docs_dir, sampler)
    rival = None
    if against is not None:
        rival = resolve.resolve_fake(against, fakes, reading, seed, docs_dir)
    seen = (
        resolve.training_split(real, reading) if train is None else resolve.resolve(train, reading)
    )
    if train is None and seen and (seen.name, seen.split) == (fake_set.name, fake_set.split):
        seen = None  # the training images themselves were asked about
    if cache:
        forget_older_code(cache_folder(), source_hash(extract.__name__))
    gathered = scoring.gather(
        real_set,
        fake_set,
        seen,
        rival,
        features=features,
        weights=weights,
        n=n,
        seed=seed,
        cache=cache,
        utility=utility,
    )
    result = scoring.evaluate(gathered, utility)
    left_out = getattr(real_set, "left_out", 0) + getattr(fake_set, "left_out", 0)
    if left_out:
        result["protocol"]["files left out"] = left_out
    if str(wanted):
        result["protocol"]["images"] = str(wanted)
    if sampler:
        result["protocol"]["sampler"] = " ".join(sampler)
    if cache:
        prune(cache_folder())
    if json:
        print(_json(result))
    else:
        report.table(result)
    if figure is not None:
        write_bytes(figure, scorecard.picture(result, gathered))
    return 0


def refuse_negative(seed: int) -> None:
    """Raises UserError for a seed below 0, which no generator of numbers takes."""
    if seed < 0:
        raise UserError(f"--seed is {seed}: give a number from 0 up.")


def sample(
    run: Annotated[Positional[str], tyro.conf.arg(metavar="RUN")],
    out: Path,
    n: int = 64,
    label: int | None = None,
    sampler: tuple[str, ...] = (),
    seed: int = 0,
    root: Path | None = None,
    docs_dir: Path | None = None,
) -> int:
    """Draws images from a run directory or a published slug into one PNG grid.

    Args:
        run: A run directory or a published slug (dcgan-mnist).
        out: The PNG to write, or a .npy for the uint8 pixels (N, H, W, C).
        n: Number of images.
        label: The label that all of them should have, for conditional methods (cgan-mnist); by
            default labels are drawn like those of the training images.
        sampler: Other settings of the method's sampler than those of record: steps=4 eta=0.
        seed: Seed of the latents.
        root: Folder that holds the datasets, for methods that make images from others.
        docs_dir: The docs folder that holds published runs; default docs/ of this checkout.
    """
    begun("loading libraries")
    from imggen.drawing import grids
    from imggen.runs import restore

    if not 1 <= n <= MOST_SAMPLES:
        raise UserError(f"--n is {n}: give a number of images from 1 to {MOST_SAMPLES:,}.")
    refuse_negative(seed)
    kind = out.suffix.lower()
    if kind not in (".png", ".npy"):
        raise UserError(f"--out {out} must end in .png or .npy.")
    refuse_unwritable("--out", out)
    if n > MANY_SAMPLES:
        print(f"drawing {n:,} images: this takes a while", file=sys.stderr, flush=True)
    images = restore.sample_images(run, n, seed, docs_dir, label, sampler, root)
    if kind == ".png":
        scale = grids.scale_for(images.shape[1])
        write_bytes(out, grids.png(grids.image_grid(images.pixels, COLUMNS, scale)))
    else:
        write_bytes(out, grids.npy(images.pixels))
    print(f"{n} images of {images.name} in {out}")
    return 0


def compare(
    generators: Annotated[Positional[tuple[str, ...]], tyro.conf.arg(metavar="SLUG ...")] = (),
    n: int = protocol.SAMPLES,
    json: bool = False,
    root: Path | None = None,
    docs_dir: Path | None = None,
    seed: int = protocol.SEED,
) -> int:
    """Published generators side by side, with paired tests: which differ by more than chance?

    Args:
        generators: Two or more published slugs (dcgan-mnist vae-mnist) or run directories, trained
            on the same images.
        n: Test images, and samples of each generator, at most; 0 takes all. Fewer is quicker.
        json: Print JSON for machines.
        root: Folder that holds the datasets; default $IMGGEN_DATA.
        docs_dir: The docs folder that holds published runs; default docs/ of this checkout.
        seed: Seed of the samples and of which images are compared.
    """
    begun("loading libraries")
    from imggen.evaluation import paired, paired_report

    if n < 0:
        raise UserError(f"--n is {n}: give a number of images from 0 up (0 takes all).")
    refuse_negative(seed)
    result = paired.compare(generators, n, seed, root, docs_dir)
    if json:
        print(_json(result))
    else:
        paired_report.table(result)
    return 0


def begun(what: str) -> None:
    """Tells whoever sits at a terminal that the command was understood: torch takes seconds."""
    if sys.stderr.isatty():
        print(f"{what} ...", file=sys.stderr, flush=True)


def _json(value: object) -> str:
    ascii_only = "utf" not in (getattr(sys.stdout, "encoding", None) or "").lower()
    return json.dumps(value, indent=2, ensure_ascii=ascii_only, allow_nan=False)


def main() -> None:
    """Entry point of the `imggen` command."""
    if sys.argv[1:] == ["--version"]:
        run_command(_told(lambda: print(f"imggen {__version__}")))
    commands: Json = {
        "status": status,
        "evaluate": evaluate,
        "sample": sample,
        "compare": compare,
        "doctor": doctor,
        "launch": launch,
        "runs": runs,
        "fetch": fetch,
    }
    if sys.argv[1:2] == ["launch"]:  # which has commands of its own
        run_command(_told(launch))
    about = "The executable blog of image generation."
    run_command(
        _told(
            lambda: tyro.extras.subcommand_cli_from_dict(commands, prog="imggen", description=about)
        )
    )


def _told(command: Callable[[], int | None]) -> Callable[[], int | None]:
    """The command, which failed if what it printed does not arrive."""

    def tell() -> int | None:
        code = command()
        if sys.stdout is not None:
            sys.stdout.flush()
        return code

    return tell


if __name__ == "__main__":
    main()
