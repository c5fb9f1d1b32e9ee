"""Images that are none, or not what they seem."""

from __future__ import annotations

import io
import os
import pickle
import struct
import zlib
from collections.abc import Iterator

from PIL import Image

from hostile_inputs.common import (
    EVALUATE,
    GREY,
    Case,
    Crafted,
    Make,
    both,
    content,
    folder_of,
)


def png(mode: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, (8, 8)).save(buffer, "PNG", **options)
    return buffer.getvalue()


def sixteen_bits() -> bytes:
    """A PNG of three channels of 16 bits, which Pillow can't write."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    rows = b"".join(b"\0" + bytes(8 * 6) for _ in range(8))
    head = struct.pack(">IIBBBBB", 8, 8, 16, 2, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows))
            + chunk(b"IEND", b""))  # fmt: skip


POSTSCRIPT = """%!PS-Adobe-3.0 EPSF-3.0
%%BoundingBox: 0 0 8 8
%%EndComments
showpage
%%EOF
"""


def whole(suffix: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(GREY[0]).save(buffer, Image.registered_extensions()[suffix])
    return buffer.getvalue()


def moving() -> bytes:
    """A GIF of two frames."""
    buffer = io.BytesIO()
    first, second = (Image.fromarray(image) for image in GREY[:2])
    first.save(buffer, "GIF", save_all=True, append_images=[second])
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
    yield case("an animation", "holds several pictures", "z.gif", moving())
    yield case("16 bits, grey", "more than 8 bits", "z.png", png("I;16"))
    yield case("16 bits, colour", "more than 8 bits", "z.png", sixteen_bits())
    yield case("transparent, with an alpha channel", "transparent pixels", "z.png", png("RGBA"))
    yield case("transparent, with a transparent colour", "transparent pixels", "z.png",
               png("L", transparency=0))  # fmt: skip
    yield case("transparent, with a palette", "transparent pixels", "z.png",
               png("P", transparency=0))  # fmt: skip

    def special(what: str, says: str, make: Make) -> Case:
        return Case(kind, what, (*EVALUATE, "{}/x", "digits:test"), says,
                    both(folder_of(GREY, "x"), make))  # fmt: skip

    yield special("a pickle that runs code", "can't be read",
                  lambda f: (f / "x/z.png").write_bytes(pickle.dumps(Crafted(f))))  # fmt: skip
    yield special("PostScript, called z.png, that would start an interpreter", "can't be read",
                  content("x/z.png", POSTSCRIPT))  # fmt: skip
    yield special("a .ppm of 16 bits", "more than 8 bits",
                  content("x/z.ppm", b"P6 # deep\n8 8\n65535\n" + bytes(8 * 8 * 6)))  # fmt: skip
    yield special("a pipe called z.png", "no regular file", lambda f: os.mkfifo(f / "x/z.png"))
    yield special("a link to nothing", "a link to nothing",
                  lambda f: os.symlink(f / "none", f / "x/z.png"))  # fmt: skip
    yield special("an image of another size", "--size 64", folder_of(GREY[:1, :5], "x", "y"))
