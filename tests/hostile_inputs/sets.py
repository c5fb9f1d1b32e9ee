"""Arrays, and sets that can't be compared."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator

import numpy as np
import torch

from hostile_inputs.common import (
    EVALUATE,
    GREY,
    RANDOM,
    Case,
    Crafted,
    Make,
    archive,
    array,
    both,
    content,
    cut,
    folder_of,
    saved,
)


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
    yield case("a home of nobody", "does not exist", "~nouser/x", "digits:test")
    yield case("a pipe called x.npy", "is no file or folder", "{}/x.npy", "digits:test",
               make=lambda f: os.mkfifo(f / "x.npy"))  # fmt: skip
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
        yield case(f"--features {name} --weights of odd names", "holds no", *pair,
                   "--features", name, "--weights", "{}/w.pth",
                   make=both(x, lambda f: (f / "w.pth").write_bytes(
                       saved({"": torch.zeros(1), "a..b": torch.zeros(1)}))))  # fmt: skip
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
