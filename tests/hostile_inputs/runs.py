"""Damaged and crafted checkpoints, manifests and weights."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from safetensors.torch import save

from hostile_inputs.common import (
    SAMPLE,
    Case,
    Crafted,
    Make,
    both,
    content,
    cut,
    saved,
    script,
)


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


def folders(folder: Path) -> None:
    """Puts a folder in place of every checkpoint."""
    for path in (folder / "RUN").glob("checkpoint*.pt"):
        path.unlink()
        path.mkdir()


def zipped(name: str, data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, data)
    return buffer.getvalue()


def of_run(folder: Path) -> bytes:
    return (folder / "RUN" / "checkpoint.pt").read_bytes()


def state(change: Callable[[dict], object]) -> Make:
    """Changes what a checkpoint holds."""

    def changed(folder: Path) -> bytes:
        held = torch.load(folder / "RUN" / "checkpoint.pt", weights_only=True)
        change(held)
        return saved(held)

    return checkpoints(changed)


def resumed(*flags: str) -> tuple[str, ...]:
    return script("dcgan_mnist", "--run-dir", "{}/RUN", "--train.frames", "4",
                  "--train.steps", "20", "--method.width", "16", *flags)  # fmt: skip


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
    yield Case(kind, "of more steps than are asked for", resumed("--train.steps", "10"),
               "already been trained for 20")  # fmt: skip
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
        "a folder": (folders, "can't be read"),
        "an archive of something else": (
            checkpoints(zipped("a.txt", b"x")),
            "truncated or corrupt",
        ),
        "of a newer imggen": (state(lambda s: s.update(format=99)), "written by a newer imggen"),
        "whose format is text": (state(lambda s: s.update(format="2")), "its format is"),
        "whose state holds a class of ours": (
            state(lambda s: s.update(method={"x": Case})),
            "not a checkpoint",
        ),
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
    yield Case("A run directory", "whose lock is a folder", resumed(), "Can't write",
               lambda f: ((f / "RUN/lock").unlink(), (f / "RUN/lock").mkdir()))  # fmt: skip


def compared() -> Iterator[Case]:
    """What `imggen compare` is given by mistake."""
    wrong = {
        (): "given nothing",
        ("dcgan-mnist",): "only dcgan-mnist",
        ("dcgan-mnist", "dcgan-mnist"): "is named twice",
        ("dcgan-mnist", "dcgan-mnits"): "choose one of",
        ("dcgan-mnist", "metric-audit"): "holds no generator",
        ("dcgan-mnist", "r3gan-stacked-mnist"): "name generators of the same images",
        ("dcgan-mnist", "vae-mnist", "--n", "5"): "--n is 5",
    }
    for given, says in wrong.items():
        command = " ".join(("imggen compare", *given))
        yield Case("Generators to compare", command, ("imggen", "compare", *given), says)


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
    for value in ("0", "-1"):
        yield Case(kind, f"--sampler truncation={value}",
                   (*SAMPLE, "sngan-mnist", *out, "--sampler", f"truncation={value}"),
                   "must be above 0")  # fmt: skip
    yield Case(kind, "imggen evaluate --sampler, of images that nobody samples",
               ("imggen", "evaluate", "digits:test", "digits:train", "--sampler", "steps=4"),
               "is for generators")  # fmt: skip
    yield Case(kind, "imggen sample metric-audit", (*SAMPLE, "metric-audit", *out),
               "holds no generator")  # fmt: skip
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
                   both(lambda f: (f / "crafted.py").write_text(
                            "from torch import nn\n"
                            f"open({str(f / 'proof')!r}, 'w')\n"
                            "class Method(nn.Module):\n    pass\n"),
                        edit("RUN/manifest.json",
                             lambda m, method=method: m.update(method=method))))  # fmt: skip
    for shape in ([1, 8], [1, 8, 9], [1, -8, -8], [-1, 8, 8], [], "8x8", None):
        yield case(f"a manifest of images of {shape}", "does not describe",
                   edit("RUN/manifest.json",
                        lambda m, shape=shape: m["spec"].update(shape=shape)))  # fmt: skip

    for counts in ([-1], "x", None, 3, [0.5]):
        yield case(f"a manifest whose labels occurred {counts} times", "does not describe",
                   edit("RUN/manifest.json",
                        lambda m, counts=counts: m["dataset"].update(
                            label_counts=counts)))  # fmt: skip

    def other_weights(folder: Path) -> None:

        data = save({"x": torch.zeros(2)})
        (folder / "RUN" / "weights.safetensors").write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        edit("RUN/manifest.json", lambda m: m["files"].update({"weights.safetensors": digest}))(
            folder
        )

    def weights_of(data: bytes | Callable[[Path], bytes]) -> Make:
        """Weights with the hash that the manifest promises."""
        return lambda folder: told(folder, data if isinstance(data, bytes) else data(folder))

    def told(folder: Path, data: bytes) -> None:
        (folder / "RUN" / "weights.safetensors").write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        edit("RUN/manifest.json", lambda m: m["files"].update({"weights.safetensors": digest}))(
            folder
        )

    yield case("weights of something else", "holds other weights", other_weights)
    crafted = {
        "a pickle that runs code, called weights.safetensors": lambda f: pickle.dumps(Crafted(f)),
        "an archive that runs code, called weights.safetensors": lambda f: saved(Crafted(f)),
        "weights whose header says it is larger than memory": b"\xff" * 7 + b"\x0f{}",
        "weights that reach beyond their file": header([4], [0, 1 << 40]),
        "weights of more numbers than there are": header([1 << 40, 1 << 40], [0, 16]),
        "weights of a type that is none": header([4], [0, 16], "PICKLE"),
    }
    for what, data in crafted.items():
        yield case(what, "can't be read", weights_of(data))


def header(shape: list[int], offsets: list[int], dtype: str = "F32") -> bytes:
    """A safetensors file of 16 bytes whose header says this of them."""
    said = json.dumps({"x": {"dtype": dtype, "shape": shape, "data_offsets": offsets}}).encode()
    return len(said).to_bytes(8, "little") + said + bytes(16)
