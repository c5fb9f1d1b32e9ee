"""Checks that every metric makes of its arrays."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

BLOCK = 2000
LARGEST = 1e30
"""Features beyond are refused: a kernel's cube of their product would overflow."""

Array = npt.NDArray[np.floating]
Numbers = npt.NDArray[np.number | np.bool_]
"""Values, counts or yes and no: what a mean can be taken of."""


def check_features(real: Array, fake: Array, least: int) -> tuple[Array, Array]:
    """Both arrays as float, after checking that they are (n, d) and (m, d), finite, n, m >= least.

    Raises: ValueError with one sentence that says which array is wrong and how.
    """
    checked = check_one(real, "real", least), check_one(fake, "generated", least)
    if checked[0].shape[1] != checked[1].shape[1]:
        raise ValueError(
            f"The real features have {checked[0].shape[1]} dimensions and the generated ones "
            f"{checked[1].shape[1]}: extract both with the same extractor."
        )
    return checked


def check_one(features: Array, name: str, least: int) -> Array:
    """One array (n, d) as float; Raises ValueError as `check_features` does."""
    features = np.asarray(features)
    if features.ndim != 2:
        raise ValueError(f"The {name} features have shape {features.shape}: expected (n, d).")
    if features.shape[1] == 0:
        raise ValueError(f"The {name} features have no dimension: check their extractor.")
    if features.dtype.kind not in "fiub":
        raise ValueError(f"The {name} features are {features.dtype}, not numbers.")
    if len(features) < least:
        raise ValueError(
            f"There are {len(features)} {name} samples and this metric needs {least} or more: "
            "take more."
        )
    if features.dtype not in (np.float32, np.float64):
        features = features.astype(np.float64)
    for start in range(0, len(features), BLOCK):
        block = features[start : start + BLOCK]
        if not np.isfinite(block).all():
            raise ValueError(
                f"The {name} features hold NaN or infinite values: check their extractor."
            )
        if np.abs(block).max() > LARGEST:
            raise ValueError(f"The {name} features hold values above {LARGEST:g}: scale them.")
    return features


def double_blocks(features: Array, size: int | None = None) -> Iterator[tuple[slice, Array]]:
    """Slices of rows and these rows of features (n, d) as float64 copies, free to be changed."""
    size = size or BLOCK
    for start in range(0, len(features), size):
        rows = slice(start, start + size)
        yield rows, features[rows].astype(np.float64)
