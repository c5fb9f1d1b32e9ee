"""Source hashes: what code says, not where it lies; nothing behind an import goes unseen."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from imggen.runs import provenance
from imggen.runs.provenance import ProvenanceError, source_hash

PAPER = """from {blocks} import mlp

class Config:
    width: int = 4

def build(config):
    return mlp(config.width)
"""
BLOCKS = """SIZE, DEPTH = 3, 2

def mlp(width):
    return [width * SIZE] * DEPTH

def unused():
    return 0
"""
Package = Callable[..., str]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Package:
    """Writes modules below a package `lab` (dotted name=text) and hashes lab.paper."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(provenance, "RESULTS", ("lab.",))

    def write(paper: str, **files: str) -> str:
        for name, text in {"paper": paper, **files}.items():
            path = tmp_path / "lab" / f"{name.replace('__', '/')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            (path.parent / "__init__.py").touch()
            path.write_text(text)
        for name in [name for name in sys.modules if name.split(".")[0] == "lab"]:
            del sys.modules[name]
        provenance._parsed.cache_clear()
        return source_hash("lab.paper")

    return write


def test_prose_and_types_of_functions_do_not_count_and_code_does(package):
    base = package('"""Doc."""\nLR = 1  # comment\n\ndef f(x):\n    """Doc."""\n    return LR\n')
    assert base == package('"""Other."""\n\nLR = 1\ndef f(x: int) -> int:\n    return LR\n')
    assert base != package("LR = 2\ndef f(x):\n    return LR\n")
    assert base != package("LR = 1\ndef f(x):\n    return LR + x\n")


def test_fields_count_with_their_types(package):
    assert package("class C:\n    lr: int = 1\n") != package("class C:\n    lr: float = 1\n")


def test_where_a_definition_lies_does_not_count(package):
    flat = package(PAPER.format(blocks="lab.blocks"), blocks=BLOCKS)
    assert flat == package(PAPER.format(blocks="lab.nn.dense"), nn__dense=BLOCKS)


def test_what_an_import_uses_counts_and_the_rest_of_its_file_does_not(package):
    paper = PAPER.format(blocks="lab.blocks")
    base = package(paper, blocks=BLOCKS)
    assert base == package(paper, blocks=BLOCKS.replace("return 0", "return 1"))
    assert base != package(paper, blocks=BLOCKS.replace("width * SIZE", "width + SIZE"))
    assert base != package(paper, blocks=BLOCKS.replace("3, 2", "3, 4")), "unpacked constants"


def test_an_import_inside_a_function_is_followed(package):
    paper = "def build():\n    from lab.blocks import mlp\n    return mlp(1)\n"
    assert package(paper, blocks=BLOCKS) != package(paper, blocks=BLOCKS.replace("width * ", ""))


def test_what_a_name_means_counts(package):
    """The text of the paper is the same in each pair; only its imports differ."""
    use = "\n\ndef build():\n    return F(1), G(2)\n"
    adam = package(f"from torch.optim import Adam as F, SGD as G{use}")
    assert adam != package(f"from torch.optim import NAdam as F, SGD as G{use}")
    assert adam != package(f"from torch.optim import SGD as F, Adam as G{use}")
    blocks = "def one(x):\n    return x\n\ndef two(x):\n    return 2 * x\n"
    straight = package(f"from lab.blocks import one as F, two as G{use}", blocks=blocks)
    assert straight != package(f"from lab.blocks import two as F, one as G{use}", blocks=blocks)


def test_equal_texts_count_each(package):
    """A constant of the paper changes to what a constant of the blocks says already."""
    paper = "from lab.blocks import f\nRATE = {}\n\ndef build():\n    return f(RATE)\n"
    blocks = "RATE = 2\n\ndef f(x):\n    return RATE * x\n"
    three, two = (package(paper.format(rate), blocks=blocks) for rate in (3, 2))
    assert two != package(paper.format(2), blocks=blocks.replace("2", "3")) != three
    assert two != three


def test_definitions_that_call_each_other_are_followed(package):
    odd = "def even(n):\n    return n == 0 or odd(n - 1)\n\ndef odd(n):\n    return {}even(n - 1)\n"
    paper = "from lab.blocks import even\n\ndef build():\n    return even(4)\n"
    right, wrong = (package(paper, blocks=odd.format(word)) for word in ("n > 0 and ", ""))
    assert right != wrong


@pytest.mark.parametrize(
    "acts",
    [
        "TABLE.update(a=1)",
        "for k in 'ab':\n    TABLE[k] = 1",
        "TABLE.update({k: 1 for k in 'ab'})",
        "with open(__file__) as f:\n    TABLE['a'] = 1",
        "if TABLE == {}:\n    A = 0\n    TABLE['a'] = 1",
        "x = TABLE['a'] = 1",
        "_ = TABLE.update(a=1)",
        "def keep(f):\n    TABLE[1] = f\n    return f\n@keep\ndef one():\n    return 1",
    ],
)
def test_what_a_module_does_by_itself_counts_for_all_of_it(acts, package):
    paper = "from lab.blocks import TABLE\n\ndef build():\n    return TABLE\n"
    blocks = "TABLE = {}\n"
    changed = acts.replace("return 1", "return 2").replace("= 1", "= 2").replace("a=1", "a=2")
    changed = changed.replace("k: 1", "k: 2")
    assert changed != acts
    assert package(paper, blocks=blocks + acts) != package(paper, blocks=blocks + changed)
    assert package(paper, blocks=blocks) == package(paper, blocks=blocks + "TEXTS = {'a': 1}")


def test_a_name_that_is_handed_on_is_an_error(package):
    """Silence would be worse: the change behind it would make nothing stale."""
    with pytest.raises(
        ProvenanceError, match=r"lab\.paper imports mlp from lab\.nn, which does not"
    ):
        package(PAPER.format(blocks="lab.nn"), nn____init__="from lab.nn.dense import mlp\n",
                nn__dense=BLOCKS)  # fmt: skip


@pytest.mark.parametrize("line", ["import lab.blocks", "from . import blocks"])
def test_an_import_that_can_not_be_followed_is_an_error(line, package):
    with pytest.raises(ProvenanceError, match="can't be followed"):
        package(f"{line}\n", blocks=BLOCKS)


def test_every_module_of_results_can_be_followed():
    assert len(source_hash(*provenance.SCORING)) == 64
