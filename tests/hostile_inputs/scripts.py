"""Wrong settings, data and places of a training."""

from __future__ import annotations

from collections.abc import Iterator

from hostile_inputs.common import (
    EVALUATE,
    GREY,
    PUBLISHED,
    SAMPLE,
    Case,
    Make,
    both,
    content,
    folder_of,
    script,
)


def scripts() -> Iterator[Case]:
    numbers = {
        "steps": ("0", "-5"),
        "batch-size": ("0", "-1"),
        "log-steps": ("0", "-1"),
        "ema-halflife-images": ("-1", "nan", "inf"),
        "ema-rampup": ("-1", "nan", "inf"),
        "checkpoint-seconds": ("-1", "nan", "inf"),
        "frames": ("-1",),
        "seed": ("-1",),
        "clip-norm": ("0", "-1", "nan"),
    }
    for flag, values in numbers.items():
        for value in values:
            yield Case("A training that makes no sense", f"--train.{flag} {value}",
                       script("dcgan_mnist", f"--train.{flag}", value),
                       f"--train.{flag} is {value}")  # fmt: skip
        yield Case("A training that makes no sense", f"--train.{flag} many",
                   script("dcgan_mnist", f"--train.{flag}", "many"), "many",
                   parsed=True)  # fmt: skip
    for value in ("fp64", "int8"):
        yield Case("A training that makes no sense", f"--train.precision {value}",
                   script("vae_mnist", "--train.precision", value), "fp32",
                   parsed=True)  # fmt: skip
    for value in ("1798", "100000"):
        yield Case("A training that makes no sense", f"--train.batch-size {value}, 1,437 images",
                   script("dcgan_mnist", "--train.batch-size", value),
                   "more than the 1437 images")  # fmt: skip
    for value in ("", "."):
        yield Case("A training that makes no sense", f"--run-dir {value or 'without a name'}",
                   script("gan_mnist", "--run-dir", value), "names no folder but this")  # fmt: skip
    settings = [
        *(("dcgan_mnist", "z-dim", v, f"z_dim is {v}") for v in ("0", "-3")),
        *(("dcgan_mnist", "width", v, f"width is {v}") for v in ("0", "-4")),
        *(("dcgan_mnist", "lr-steps", v, f"lr_steps is {v}") for v in ("0", "-1")),
        *(("dcgan_mnist", "init-std", v, "init_std is") for v in ("-1", "nan")),
        *(("dcgan_mnist", f"lr-{net}", v, "learning rate") for net in "GD" for v in ("-1", "nan")),
        *(("dcgan_mnist", "beta1", v, "beta") for v in ("1", "-0.1", "nan")),
        ("dcgan_mnist", "lr-G", "1e30", "NaN or infinite"),
        *(("cgan_mnist", "z-dim", v, f"z_dim is {v}") for v in ("0", "-3")),
        *(("cgan_mnist", "width", v, f"width is {v}") for v in ("0", "-4")),
        *(("gan_mnist", "dropout", v, f"dropout is {v}") for v in ("1.0", "-0.5")),
        ("gan_mnist", "hidden-G", "0", "hidden_G is 0"),
        ("infogan_mnist", "categories", "1", "categories is 1"),
        *(("wgan_mnist", "clip", v, f"clip is {v}") for v in ("0.0", "-0.1")),
        ("wgan_gp_mnist", "n-critic", "0", "n_critic is 0"),
        ("r1_mnist", "gamma", "-1.0", "gamma is -1.0"),
        ("r3gan_mnist", "group", "24", "do not split in 24s"),
        *(("vae_mnist", "z-dim", v, f"z_dim is {v}") for v in ("0", "-3")),
        *(("vae_mnist", "hidden", v, f"hidden is {v}") for v in ("0", "-3")),
        *(("vae_mnist", "lr-steps", v, f"lr_steps is {v}") for v in ("0", "-1")),
        *(("vae_mnist", "lr", v, "learning rate") for v in ("-1", "nan")),
        ("vae_mnist", "beta", "nan", "NaN or infinite"),
        ("glow_mnist", "levels", "4", "levels is 4, and 16 must divide both sides"),
        ("vqvae_mnist", "decay", "1", "decay is 1.0, and must be above 0 and below 1"),
    ]
    for name, flag, value, says in settings:
        yield Case("A setting of a paper", f"--method.{flag} {value}",
                   script(name, f"--method.{flag}", value), says)  # fmt: skip
    for value in ("0", "-1", "nan"):
        yield Case("A way to sample", f"--sampler.temperature {value}",
                   script("glow_mnist", "--sampler.temperature", value, "--train.frames", "0"),
                   f"temperature is {float(value)}, and must be a number above 0")  # fmt: skip
    for name, flag, value in (("vae_mnist", "activation", "swish"), ("dcgan_mnist", "width", "1.5"),
                              ("dcgan_mnist", "z-dim", "many")):  # fmt: skip
        yield Case("A setting of a paper", f"--method.{flag} {value}",
                   script(name, f"--method.{flag}", value), value, parsed=True)  # fmt: skip
    yield Case("A flag that does not exist", "--method.widht 4",
               script("dcgan_mnist", "--method.widht", "4"), "widht", parsed=True)  # fmt: skip
    devices = {"cuda:99": "CUDA", "mps": "not supported", "warp drive": "Unknown device"}
    for device, says in devices.items():
        yield Case("A device that is not there", f"--train.device '{device}'",
                   script("dcgan_mnist", "--train.device", device), says)  # fmt: skip


def studies() -> Iterator[Case]:
    for slug, says in (
        ("dcgan-mnist", "dcgan-mnist has no likelihood: name models that have"),
        ("metric-audit", "holds no generator"),
        ("nobody", "no published experiment"),
    ):
        yield Case("A likelihood asked of what has none", f"--generators {slug}",
                   ("experiments/likes_others_mnist.py", "--generators", slug, "--no-publish"),
                   says)  # fmt: skip


def data() -> Iterator[Case]:
    kind = "Data to train on"

    def case(what: str, says: str, *flags: str, make: Make | None = None) -> Case:
        return Case(kind, what, script("dcgan_mnist", *flags), says, make)

    own = ("--data.name", "folder", "--data.root", "{}/x")
    yield case("--data.name mnits", "Did you mean mnist?", "--data.name", "mnits")
    yield case("--data.name ''", "Unknown dataset ''", "--data.name", "")
    yield case("--data.split val", "choose train, test or all", "--data.split", "val")
    for split in ("train[:0]", "train[:99999]"):
        yield case(f"--data.split {split}", "give a number from 1 to 1437", "--data.split", split)
    yield case("--data.split train[100:]", "Unknown split", "--data.split", "train[100:]")
    yield case("a dataset that is not there", "--data.name digits needs no download",
               "--data.name", "kmnist", "--data.root", "{}/none")  # fmt: skip
    for name in ("camvid", "magnetic_tile"):
        yield case(f"{name} that is not there", "is not in", "--data.name", name, "--data.root",
                   "{}/none")  # fmt: skip
    yield case("tiles of all sizes without --data.size", "bring them to one with --data.size",
               "--data.name", "magnetic_tile", "--data.root", "{}",
               make=folder_of(GREY, "magnetic-tile", "MT_Free", suffix=".jpg"))  # fmt: skip
    yield case("your own images without a path", "needs its path", "--data.name", "folder")
    yield case("a folder that does not exist", "does not exist", *own)
    yield case("an empty folder", "holds no images", *own, make=lambda f: (f / "x").mkdir())
    yield case("a text file", "no folder, .npy or .npz", *own, make=content("x", "text"))
    yield case("images of different sizes", "--data.size 64", *own,
               make=both(folder_of(GREY, "x"), folder_of(GREY[:1, :5], "x", "y")))  # fmt: skip
    for size in ("0", "-8", "99999"):
        yield case(f"--data.size {size}", f"--data.size is {size}", "--data.size", size)
    yield case("images that are not square, for a DCGAN", "images are square",
               *own, make=folder_of(GREY[:, :, :6].repeat(2, 1), "x"))  # fmt: skip
    yield case("images of 4 pixels, for a DCGAN", "8 is the least", *own,
               make=folder_of(GREY[:, :4, :4], "x"))  # fmt: skip
    yield case("train without test", "has no sub-folder test", *own,
               make=folder_of(GREY, "x", "train"))  # fmt: skip
    yield Case(kind, "no labels, for a conditional GAN",
               script("cgan_mnist", *own), "needs images with labels",
               folder_of(GREY, "x"))  # fmt: skip
    for few, images in (("9 images, to be scored", GREY[:9]), ("one image 40 times", GREY[:1])):
        yield Case(kind, few, (*script("dcgan_mnist", *own)[:-1], *PUBLISHED), "scores need",
                   folder_of(images.repeat(40 // len(images), 0) if len(images) == 1 else images,
                             "x"))  # fmt: skip


def places() -> Iterator[Case]:
    kind = "A place to write to"
    yield Case(kind, "--run-dir is a file", script("dcgan_mnist", "--run-dir", "{}/file"),
               "Can't write to the run directory", content("file", ""))  # fmt: skip
    yield Case(kind, "--run-dir below a file", script("dcgan_mnist", "--run-dir", "{}/file/x"),
               "Can't write to the run directory", content("file", ""))  # fmt: skip
    yield Case(kind, "--run-dir that nobody may write",
               script("dcgan_mnist", "--run-dir", "/proc/x"),
               "Can't write to the run directory")  # fmt: skip
    yield Case(kind, "imggen status of a folder that is not there",
               ("imggen", "status", "--docs-dir", "{}/none"), "is no folder")  # fmt: skip
    yield Case(kind, "--docs-dir is a file",
               ("experiments/dirac_gan.py", "--docs-dir", "{}/file"), "Can't publish",
               content("file", ""))  # fmt: skip
    for flag, command in (("--out", (*SAMPLE, "dcgan-mnist")), ("--figure", (*EVALUATE, "a", "b"))):
        for what, path, says in (
            ("is a folder", "{}/d.png", "folder"),
            ("below a file", "{}/file/x.png", "can't be written"),
            ("that nobody may write", "/proc/x.png", "can't be written"),
        ):
            yield Case(kind, f"{flag} {what}", (*command, flag, path), says,
                       both(content("file", ""), lambda f: (f / "d.png").mkdir()))  # fmt: skip
        yield Case(kind, f"{flag} card.jpg", (*command, flag, "{}/card.jpg"), "must end in .png")
