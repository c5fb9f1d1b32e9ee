"""Images from numpy's files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from imggen.data.images import Images
from imggen.system.errors import UserError

if TYPE_CHECKING:
    import numpy.typing as npt

    AnyArray = npt.NDArray[np.generic]


def read_array(path: Path, split: str = "all", key: str | None = None) -> Images:
    """uint8 images (N, H, W), (N, H, W, 1) or (N, H, W, 3) from .npy, or from .npz.

    `key` names one array of several (FILE.npz:KEY); one saved without a name has the key "".

    Raises: UserError for another shape or type, or a file that is no array; nothing is unpickled.
    """
    arrays = _load(path)
    if key is not None and key not in arrays:
        has = ", ".join(map(_called, sorted(arrays))) or "none"
        raise UserError(f"{path} holds no array {_called(key)}: it has {has}.")
    images = [key] if key is not None else [n for n, a in arrays.items() if _looks_like_images(a)]
    if len(images) > 1 or not arrays:
        found = [f"{_called(name)} {array.shape}" for name, array in arrays.items()]
        held = ", ".join(found) or "nothing"
        raise UserError(
            f"{path} does not hold exactly one array of images ({held}): choose one with "
            f"{path}:NAME."
        )
    array = arrays[images[0]] if images else next(iter(arrays.values()))
    return Images(str(path), split, _pixels(path, array), None)


def _called(key: str) -> str:
    return key or "(no name)"


def _load(path: Path) -> dict[str, AnyArray]:
    try:
        loaded = np.load(path, allow_pickle=False)
        return {"": loaded} if isinstance(loaded, np.ndarray) else dict(loaded)
    except MemoryError as error:
        raise UserError(f"{path} promises more than fits into memory ({error}).") from error
    except (OSError, ValueError, EOFError, KeyError) as error:
        reason = "it holds Python objects" if "pickle" in str(error) else error
        raise UserError(f"{path} can't be read as a numpy array ({reason}).") from error
    except Exception as error:  # zipfile.BadZipFile, zlib.error, SyntaxError of damaged files
        raise UserError(f"{path} is truncated or corrupt ({error}).") from error


def _looks_like_images(array: AnyArray) -> bool:
    return array.dtype == np.uint8 and array.ndim in (3, 4)


def _pixels(path: Path, array: AnyArray) -> torch.Tensor:
    """uint8 (N, C, H, W). Raises: UserError that says how to convert what it is not."""
    if array.dtype != np.uint8:
        how = "np.uint8(np.round(255 * x))" if array.dtype.kind == "f" else "x.astype(np.uint8)"
        raise UserError(
            f"{path} holds {array.dtype} values: images must be uint8, 0 to 255. If x are values "
            f"from 0 to {1 if array.dtype.kind == 'f' else 255}, save {how}."
        )
    if array.size and array.ndim == 4 and array.shape[-1] in (1, 3):
        return torch.from_numpy(array).permute(0, 3, 1, 2).contiguous()
    if array.size and array.ndim == 3:
        return torch.from_numpy(array)[:, None].contiguous()
    first = array.ndim == 4 and array.shape[1] in (1, 3)
    hint = "; its channels come first: save x.transpose(0, 2, 3, 1)" if first else ""
    raise UserError(
        f"{path} has shape {array.shape}: images must be (N, H, W) or (N, H, W, 3){hint}."
    )
