"""What may be typed wrongly, damaged or crafted, and what is said then.

One table, run by test_hostile_inputs.py and shown by the site's page "What happens when": kinds of
input, each with its cases. A case is a command, what is done to a folder `{}` before, and a part of
the sentence that must come.
"""

from __future__ import annotations

import io
import json
import os
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image

Make = Callable[[Path], object]


class Case(NamedTuple):
    """One wrong input."""

    kind: str
    what: str
    """For the reader of the page."""
    command: tuple[str, ...]
    """`{}` stands for the case's folder, RUN in it for a copy of a finished run."""
    says: str
    make: Make | None = None
    parsed: bool = False
    """Whether the command line itself is refused, by the parser of flags."""


class Crafted:
    """A pickle that runs code: it makes a file `proof` beside itself."""

    def __init__(self, folder: Path) -> None:
        self.proof = str(folder / "proof")

    def __reduce__(self) -> tuple[object, ...]:
        return open, (self.proof, "w")


RANDOM = np.random.default_rng(0)
GREY = RANDOM.integers(0, 256, (40, 8, 8), dtype=np.uint8)
EVALUATE, SAMPLE = ("imggen", "evaluate"), ("imggen", "sample")
PUBLISHED = ("--docs-dir", "{}/docs")


def folder_of(images: np.ndarray, *parts: str, suffix: str = ".png") -> Make:
    """Makes a folder of these images."""

    def make(folder: Path) -> None:
        target = folder.joinpath(*parts)
        target.mkdir(parents=True, exist_ok=True)
        for number, image in enumerate(images):
            Image.fromarray(image).save(target / f"{number:03}{suffix}")

    return make


def both(*makes: Make) -> Make:
    """One after the other."""

    def make(folder: Path) -> None:
        for each in makes:
            each(folder)

    return make


def content(name: str, data: bytes | str) -> Make:
    """Makes a file."""

    def make(folder: Path) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)

    return make


def array(name: str, value: np.ndarray) -> Make:
    return lambda folder: np.save(folder / name, value)


def archive(name: str, **values: np.ndarray) -> Make:
    return lambda folder: np.savez(folder / name, **values)  # type: ignore[arg-type]


def cut(name: str, share: float = 0.5) -> Make:
    """Keeps the first part of a file."""

    def make(folder: Path) -> None:
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(data[: int(len(data) * share)])

    return make


# -- scripts ------------------------------------------------------------------------------------


def script(name: str, *flags: str) -> tuple[str, ...]:
    """A script on small digits, in a run directory of its own."""
    given = {"--data.name": "digits", "--run-dir": "{}/run", "--train.steps": "20"}
    given |= dict(zip(flags[::2], flags[1::2], strict=True))
    return (f"experiments/{name}.py", *(part for item in given.items() for part in item),
            "--no-publish")  # fmt: skip


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
        *(("vae_mnist", "z-dim", v, f"z_dim is {v}") for v in ("0", "-3")),
        *(("vae_mnist", "hidden", v, f"hidden is {v}") for v in ("0", "-3")),
        *(("vae_mnist", "lr-steps", v, f"lr_steps is {v}") for v in ("0", "-1")),
        *(("vae_mnist", "lr", v, "learning rate") for v in ("-1", "nan")),
        ("vae_mnist", "beta", "nan", "NaN or infinite"),
    ]
    for name, flag, value, says in settings:
        yield Case("A setting of a paper", f"--method.{flag} {value}",
                   script(name, f"--method.{flag}", value), says)  # fmt: skip
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


def data() -> Iterator[Case]:
    kind = "Data to train on"

    def case(what: str, says: str, *flags: str, make: Make | None = None) -> Case:
        return Case(kind, what, script("dcgan_mnist", *flags), says, make)

    own = ("--data.name", "folder", "--data.root", "{}/x")
    yield case("--data.name mnits", "Did you mean mnist?", "--data.name", "mnits")
    yield case("--data.name ''", "Unknown dataset ''", "--data.name", "")
    yield case("--data.split val", "choose train, test or all", "--data.split", "val")
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
    yield Case(kind, "--docs-dir is a file",
               (*script("dcgan_mnist")[:-1], "--docs-dir", "{}/file"), "Can't publish",
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


# -- runs ---------------------------------------------------------------------------------------


def edit(name: str, change: Callable[[dict], object]) -> Make:
    """Changes a JSON file."""

    def make(folder: Path) -> None:
        value = json.loads((folder / name).read_text())
        change(value)
        (folder / name).write_text(json.dumps(value))

    return make


def checkpoints(data: bytes | Callable[[Path], bytes]) -> Make:
    """Puts something else in place of both checkpoints."""

    def make(folder: Path) -> None:
        made = data if isinstance(data, bytes) else data(folder)
        for path in (folder / "RUN").glob("checkpoint*.pt"):
            path.write_bytes(made)

    return make


def of_run(folder: Path) -> bytes:
    return (folder / "RUN" / "checkpoint.pt").read_bytes()


def state(change: Callable[[dict], object]) -> Make:
    """Changes what a checkpoint holds."""

    def changed(folder: Path) -> bytes:
        held = torch.load(folder / "RUN" / "checkpoint.pt", weights_only=True)
        change(held)
        return saved(held)

    return checkpoints(changed)


def saved(value: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def resumed(*flags: str) -> tuple[str, ...]:
    return script("dcgan_mnist", "--run-dir", "{}/RUN", "--train.frames", "4",
                  "--train.steps", "60", *flags)  # fmt: skip


def runs() -> Iterator[Case]:
    kind = "A checkpoint"
    other = {
        "--train.seed 1": ("--train.seed", "1"),
        "--train.batch-size 20": ("--train.batch-size", "20"),
        "--method.width 8": ("--method.width", "8"),
        "--data.split test": ("--data.split", "test"),
        "--train.precision fp32": ("--train.precision", "fp32"),
    }
    for what, flags in other.items():
        yield Case(kind, f"of a run that had not {what}", resumed(*flags),
                   "belongs to other settings")  # fmt: skip
    yield Case(kind, "of more steps than are asked for", resumed("--train.steps", "20"),
               "already been trained for 60")  # fmt: skip
    damages: dict[str, tuple[Make, str]] = {
        "empty": (checkpoints(b""), "truncated or corrupt"),
        "cut": (checkpoints(lambda f: of_run(f)[: len(of_run(f)) // 2]), "truncated or corrupt"),
        "cut by a byte": (checkpoints(lambda f: of_run(f)[:-1]), "truncated or corrupt"),
        "text": (checkpoints(b"hello" * 100), "truncated or corrupt"),
        "a pickle that runs code": (
            checkpoints(lambda f: pickle.dumps(Crafted(f))),
            "truncated or corrupt",
        ),
        "an archive with a pickle that runs code": (
            checkpoints(lambda f: saved({"step": 1, "identity": Crafted(f)})),
            "not a checkpoint",
        ),
        "a list": (checkpoints(saved([1, 2])), "not a checkpoint"),
        "without a step": (state(lambda s: s.pop("step")), "not a checkpoint"),
        "with another identity": (state(lambda s: s.update(identity={})), "other settings"),
        "whose identity is text": (state(lambda s: s.update(identity="me")), "other settings"),
        "whose step is text": (state(lambda s: s.update(step="ten")), "does not fit"),
        "of another network": (
            state(lambda s: s["method"].update(x=torch.zeros(3))),
            "does not fit",
        ),
        "with a missing tensor": (state(lambda s: s["method"].popitem()), "does not fit"),
    }
    for part in ("method", "ema", "optimizers", "window", "window_steps", "wall_seconds"):
        damages[f"without {part}"] = (state(lambda s, part=part: s.pop(part)), "does not fit")
        damages[f"whose {part} is text"] = (
            state(lambda s, part=part: s.update({part: "x"})),
            "does not fit",
        )
    for what, (make, says) in damages.items():
        yield Case(kind, what, resumed(), says, make)


def published() -> Iterator[Case]:
    kind = "A run to sample from"
    out = ("--out", "{}/grid.png")

    def case(what: str, says: str, make: Make | None = None, run: str = "{}/RUN",
             flags: tuple[str, ...] = ()) -> Case:  # fmt: skip
        return Case(kind, what, (*SAMPLE, run, *out, *flags), says, make)

    yield case("a name that nobody published", "choose one of", run="dcgan-mnits")
    yield case("an empty folder", "holds no manifest.json", lambda f: (f / "e").mkdir(), "{}/e")
    for n in ("0", "-1", "2000000000"):
        yield case(f"--n {n}", f"--n is {n}", flags=("--n", n))
    yield case("--seed -1", "--seed is -1", flags=("--seed", "-1"))
    yield case("--label 1, without labels", "knows no labels", flags=("--label", "1"))
    for label in ("10", "-1"):
        yield Case(kind, f"--label {label}", (*SAMPLE, "cgan-mnist", *out, "--label", label),
                   "labels go from 0 to 9")  # fmt: skip
    yield case("--sampler steps=4, with one way to sample", "one way only",
               flags=("--sampler", "steps=4"))  # fmt: skip
    yield case("weights that were cut", "SHA-256 differs", cut("RUN/weights.safetensors"))
    yield case("no weights", "can't be read", lambda f: (f / "RUN/weights.safetensors").unlink())
    damaged = {
        "cut": (cut("RUN/manifest.json"), "can't be read as JSON"),
        "a list": (content("RUN/manifest.json", "[]"), "holds no JSON object"),
        "binary": (content("RUN/manifest.json", b"\xff\xfe\x00"), "can't be read as JSON"),
        "nested without end": (content("RUN/manifest.json", "[" * 100_000), "can't be read"),
    }
    for what, (make, says) in damaged.items():
        yield case(f"a manifest that is {what}", says, make)
    for key in ("method", "config", "spec", "dataset", "files"):
        yield case(f"a manifest without {key}", "does not describe",
                   edit("RUN/manifest.json", lambda m, key=key: m.pop(key)))  # fmt: skip
        yield case(f"a manifest whose {key} is a number", "does not describe",
                   edit("RUN/manifest.json", lambda m, key=key: m.update({key: 3})))  # fmt: skip
    for method in ("os:system", "imggen.methods.dcgan:Config", "imggen.methods.nothing:GAN",
                   "imggen.methods.dcgan:", "crafted:Method", "torch.nn:Linear"):  # fmt: skip
        yield case(f"a manifest of the method {method}", "does not describe",
                   both(content("crafted.py", "open('proof', 'w')"),
                        edit("RUN/manifest.json",
                             lambda m, method=method: m.update(method=method))))  # fmt: skip
    for shape in ([1, 8], [1, 8, 9], [1, -8, -8], "8x8"):
        yield case(f"a manifest of images of {shape}", "does not describe",
                   edit("RUN/manifest.json",
                        lambda m, shape=shape: m["spec"].update(shape=shape)))  # fmt: skip

    def other_weights(folder: Path) -> None:
        import hashlib

        from safetensors.torch import save

        data = save({"x": torch.zeros(2)})
        (folder / "RUN" / "weights.safetensors").write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        edit("RUN/manifest.json", lambda m: m["files"].update({"weights.safetensors": digest}))(
            folder
        )

    def no_weights(folder: Path) -> None:
        import hashlib

        data = pickle.dumps(Crafted(folder))
        (folder / "RUN" / "weights.safetensors").write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        edit("RUN/manifest.json", lambda m: m["files"].update({"weights.safetensors": digest}))(
            folder
        )

    yield case("weights of something else", "holds other weights", other_weights)
    yield case("a pickle that runs code, called weights.safetensors", "can't be read", no_weights)


# -- sets of images -----------------------------------------------------------------------------


def png(mode: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, (8, 8)).save(buffer, "PNG", **options)
    return buffer.getvalue()


def sixteen_bits() -> bytes:
    """A PNG of three channels of 16 bits, which Pillow can't write."""
    import struct
    import zlib

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    rows = b"".join(b"\0" + bytes(8 * 6) for _ in range(8))
    head = struct.pack(">IIBBBBB", 8, 8, 16, 2, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows))
            + chunk(b"IEND", b""))  # fmt: skip


def whole(suffix: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(GREY[0]).save(buffer, Image.registered_extensions()[suffix])
    return buffer.getvalue()


def images() -> Iterator[Case]:
    kind = "An image among 40 good ones"

    def case(what: str, says: str, name: str, data: bytes) -> Case:
        return Case(kind, what, (*EVALUATE, "{}/x", "digits:test"), says,
                    both(folder_of(GREY, "x"), content(f"x/{name}", data)))  # fmt: skip

    Image.init()
    for suffix in (".png", ".jpg", ".bmp", ".gif", ".webp", ".tif", ".ppm", ".jfif"):
        yield case(f"an empty {suffix}", "can't be read as an image", f"z{suffix}", b"")
        yield case(f"a {suffix} that is text", "can't be read as an image", f"z{suffix}", b"text")
        yield case(f"a {suffix} that was cut", "can't be read as an image", f"z{suffix}",
                   whole(suffix)[: len(whole(suffix)) // 2])  # fmt: skip
    for suffix in (".heic", ".svg", ".jxl", ".psd", ".dng"):
        yield case(f"a {suffix}", "convert it to PNG", f"z{suffix}", b"x")
    yield case("16 bits, grey", "more than 8 bits", "z.png", png("I;16"))
    yield case("16 bits, colour", "more than 8 bits", "z.png", sixteen_bits())
    yield case("transparent, with an alpha channel", "transparent pixels", "z.png", png("RGBA"))
    yield case("transparent, with a transparent colour", "transparent pixels", "z.png",
               png("L", transparency=0))  # fmt: skip
    yield case("transparent, with a palette", "transparent pixels", "z.png",
               png("P", transparency=0))  # fmt: skip
    yield case(
        "a pickle that runs code", "can't be read", "z.png", pickle.dumps(Crafted(Path("x")))
    )

    def special(what: str, says: str, make: Make) -> Case:
        return Case(kind, what, (*EVALUATE, "{}/x", "digits:test"), says,
                    both(folder_of(GREY, "x"), make))  # fmt: skip

    yield special("a pipe called z.png", "no regular file", lambda f: os.mkfifo(f / "x/z.png"))
    yield special("a link to nothing", "a link to nothing",
                  lambda f: os.symlink(f / "none", f / "x/z.png"))  # fmt: skip
    yield special("an image of another size", "--size 64", folder_of(GREY[:1, :5], "x", "y"))


def arrays() -> Iterator[Case]:
    kind = "An array"

    def case(what: str, says: str, make: Make, name: str = "x.npy") -> Case:
        return Case(kind, what, (*EVALUATE, f"{{}}/{name}", "digits:test"), says, make)

    for kind_of, hint in (("float32", "np.round(255 * x)"), ("float64", "np.round(255 * x)"),
                          ("int64", "astype(np.uint8)"), ("uint16", "astype(np.uint8)"),
                          ("bool", "astype(np.uint8)"), ("complex64", "uint8")):  # fmt: skip
        yield case(f"images of {kind_of}", hint, array("x.npy", GREY.astype(kind_of)))
    yield case("channels first", "x.transpose(0, 2, 3, 1)",
               array("x.npy", GREY[:, None].repeat(3, 1)))  # fmt: skip
    for shape in ((40,), (40, 64), (0, 8, 8), (40, 8, 8, 2), (40, 8, 8, 4), (2, 2, 8, 8, 3), ()):
        yield case(f"uint8 of shape {shape}", "images must be (N, H, W)",
                   array("x.npy", np.zeros(shape, np.uint8)))  # fmt: skip
    yield case("empty", "x.npy", content("x.npy", b""))
    yield case("text", "x.npy", content("x.npy", "text"))
    yield case("cut", "x.npy", both(array("x.npy", GREY), cut("x.npy")))
    yield case("a pickle that runs code", "x.npy",
               lambda f: (f / "x.npy").write_bytes(pickle.dumps(Crafted(f))))  # fmt: skip
    yield case("an array of objects that run code", "Python objects",
               lambda f: np.save(f / "x.npy", np.array([Crafted(f)]),
                                 allow_pickle=True))  # fmt: skip
    for value, what in ((np.nan, "NaN"), (np.inf, "infinity")):
        bad = RANDOM.normal(size=(40, 5))
        bad[3, 2] = value
        yield Case(kind, f"features with {what}", (*EVALUATE, "{}/x.npy", "{}/x.npy"), "x.npy",
                   array("x.npy", bad))  # fmt: skip
    yield Case(kind, "features of unlike dimensions", (*EVALUATE, "{}/x.npy", "{}/y.npy"),
               "extract both with the same extractor",
               both(array("x.npy", np.ones((40, 5))),
                    array("y.npy", np.ones((40, 6)))))  # fmt: skip
    yield case("features against images", "holds features and the other images",
               array("x.npy", np.ones((40, 5))))  # fmt: skip
    two = archive("x.npz", a=GREY, b=GREY)
    yield case("an archive of two arrays", "choose one with", two, "x.npz")
    yield case("an archive without the array asked for", "it has a, b", two, "x.npz:c")
    yield case("an empty archive", "exactly one array", archive("x.npz"), "x.npz")
    yield case("an archive that was cut", "x.npz", both(archive("x.npz", a=GREY), cut("x.npz")),
               "x.npz")  # fmt: skip
    yield case("an archive of objects that run code", "Python objects",
               lambda f: np.savez(f / "x.npz", a=np.array([Crafted(f)], dtype=object)),
               "x.npz")  # fmt: skip
    yield case("an archive that is text", "x.npz", content("x.npz", "text"), "x.npz")


def sets() -> Iterator[Case]:
    kind = "Sets to compare"
    x = folder_of(GREY, "x")

    def case(what: str, says: str, *arguments: str, make: Make | None = x) -> Case:
        return Case(kind, what, (*EVALUATE, *arguments), says, make)

    pair = ("{}/x", "digits:test")
    yield case("a name that is no dataset", "Did you mean mnist?", "mnits:test", "digits:test")
    yield case("a split that is none", "choose train, test or all", "digits:val", "digits:test")
    yield case("an empty name", "An empty name", "", "digits:test")
    yield case("a path that does not exist", "does not exist", "{}/none", "digits:test")
    yield case("an empty folder", "holds no images", "{}/e", "digits:test",
               make=lambda f: (f / "e").mkdir())  # fmt: skip
    yield case("a text file", "no folder, .npy or .npz", "{}/t.txt", "digits:test",
               make=content("t.txt", "x"))  # fmt: skip
    yield case("a run in place of real images", "the folder of a run", "{}/RUN", "digits:test")
    yield case("an unfinished run", "the folder of a run", "digits:test", "{}/RUN",
               make=lambda f: (f / "RUN/manifest.json").unlink())  # fmt: skip
    yield case("a folder of train and test", "are no classes", "{}/s", "digits:test",
               make=both(folder_of(GREY, "s", "train"), folder_of(GREY, "s", "test")))  # fmt: skip
    for n in ("-1", "5", "11"):
        yield case(f"--n {n}", f"--n is {n}", *pair, "--n", n)
    yield case("--seed -1", "--seed is -1", *pair, "--seed", "-1")
    yield case("nine images", "scores need", "{}/few", "digits:test",
               make=folder_of(GREY[:9], "few"))  # fmt: skip
    yield case("nine training images", "scores need", *pair, "--train", "{}/few",
               make=both(x, folder_of(GREY[:9], "few")))  # fmt: skip
    yield case("--against a path that does not exist", "is no folder, no file", *pair, "--against",
               "{}/none")  # fmt: skip
    yield case("--features incepton", "Unknown features", *pair, "--features", "incepton")
    yield case("--features of a file that is not there", "are not in", *pair, "--features",
               "{}/w.pth")  # fmt: skip
    for name in ("inception", "vgg16", "clip-vit-b-32"):
        for what, make in (
            ("text", content("w.pth", "text")),
            ("a pickle that runs code",
             lambda f: (f / "w.pth").write_bytes(pickle.dumps(Crafted(f)))),
            ("an archive that runs code",
             lambda f: (f / "w.pth").write_bytes(saved({"x": Crafted(f)}))),
        ):  # fmt: skip
            yield case(f"--features {name} --weights {what}", "only files of plain tensors", *pair,
                       "--features", name, "--weights", "{}/w.pth", make=both(x, make))  # fmt: skip
        yield case(f"--features {name} --weights of something else", "holds no", *pair,
                   "--features", name, "--weights", "{}/w.pth",
                   make=both(x, lambda f: (f / "w.pth").write_bytes(
                       saved({"x": torch.zeros(1)}))))  # fmt: skip
    yield case("--weights with --features lenet", "is not for --features lenet", *pair,
               "--features", "lenet", "--weights", "{}/w.pth")  # fmt: skip
    yield case("--weights that are not there", "w.pth", *pair, "--features", "vgg16", "--weights",
               "{}/w.pth")  # fmt: skip
    yield case("a promise in the name of weights that is not kept", "its name promises", *pair,
               "--features", "{}/w-0123abcd.pth",
               make=both(x, content("w-0123abcd.pth", "x")))  # fmt: skip
    for size in ("0", "-1", "99999"):
        yield case(f"--size {size}", f"--size is {size}", *pair, "--size", size)
    yield case("--size for features", "are for images", "{}/x.npy", "{}/x.npy", "--size", "8",
               make=array("x.npy", np.ones((40, 5))))  # fmt: skip
    yield case("--utility without labels", "needs labels", *pair, "--utility")
    yield case("--utility with other classes", "needs the same names", "{}/x", "digits:test",
               "--utility", make=both(folder_of(GREY, "x", "cat"),
                                      folder_of(GREY, "x", "dog")))  # fmt: skip
    yield case("images of unlike sizes, by their pixels", "do not match", "{}/x", "{}/y",
               make=both(x, folder_of(GREY[:, :6], "y")))  # fmt: skip
    yield Case(kind, "a flag that does not exist", (*EVALUATE, *pair, "--metrics", "fid"),
               "metrics", x, parsed=True)  # fmt: skip
    yield Case(kind, "one set only", (*EVALUATE, "{}/x"), "FAKE", x, parsed=True)


CASES = [*scripts(), *data(), *places(), *runs(), *published(), *images(), *arrays(), *sets()]
