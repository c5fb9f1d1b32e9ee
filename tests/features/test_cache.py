"""The cache of features: bounded, and of today's code only."""

from __future__ import annotations

import os
from pathlib import Path

from imggen.features.cache import forget_older_code, prune


def kept(folder: Path, sizes: dict[str, int]) -> Path:
    for age, (name, size) in enumerate(sizes.items()):
        path = folder / f"{name}.npz"
        path.write_bytes(bytes(size))
        os.utime(path, (1000 - age, 1000 - age))
    return folder


def names(folder: Path) -> set[str]:
    return {path.stem for path in folder.glob("*.npz")}


def test_what_was_used_longest_ago_goes_first(tmp_path):
    prune(kept(tmp_path, {"newest": 40, "older": 40, "oldest": 40}), most_bytes=100)
    assert names(tmp_path) == {"newest", "older"}


def test_one_file_above_the_limit_does_not_empty_the_cache(tmp_path):
    prune(kept(tmp_path, {"huge": 500, "small": 10, "other": 10}), most_bytes=100)
    assert names(tmp_path) == {"small", "other"}


def test_features_of_other_code_are_forgotten(tmp_path):
    kept(tmp_path, {"a": 1})
    forget_older_code(tmp_path, "first")
    assert not names(tmp_path)
    kept(tmp_path, {"b": 1})
    forget_older_code(tmp_path, "first")
    assert names(tmp_path) == {"b"}
    forget_older_code(tmp_path, "second")
    assert not names(tmp_path)
