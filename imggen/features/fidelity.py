"""Networks of torch-fidelity, whose weights files somebody names: read, never unpickled.

torch-fidelity unpickles the files that it is given, and a pickle can run code. So a file is first
read as plain tensors, and torch-fidelity is given a copy that holds nothing else.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from imggen.features.extractors import Extractor

INCEPTION_FILE = "weights-inception-2015-12-05-6726825d.pth"
NOTES = {
    "inception-v3-compat": "299x299 (bilinear as in TensorFlow 1)",
    "vgg16": "224x224 (bilinear as in TensorFlow 1)",
}
"""What torch-fidelity does to images before these networks."""


def inception_extractor(weights: Path | None = None) -> Extractor:
    """The 2048 pooled features of TensorFlow's Inception-v3 of 2015, through torch-fidelity.

    Raises: ValueError when its weights file is not there, not readable, or not the one that its
    name says.
    """
    path = weights or Path(torch.hub.get_dir()) / "checkpoints" / INCEPTION_FILE
    if not path.is_file():
        raise ValueError(
            f"Inception's weights are not in {path}: download {INCEPTION_FILE} from "
            "torch-fidelity's releases and name it with --weights, or use --features lenet or "
            "pixels."
        )
    return extractor("inception-v3-compat", path)


def names() -> tuple[str, ...]:
    """The networks that torch-fidelity knows."""
    import torch_fidelity.metrics  # noqa: F401  (registers them)
    from torch_fidelity.registry import FEATURE_EXTRACTORS_REGISTRY

    return tuple(FEATURE_EXTRACTORS_REGISTRY)


def from_hub(name: str) -> bool:
    """Whether torch-fidelity takes this network from torch.hub, where it does not read files."""
    return name.startswith("dinov2")


def extractor(name: str, weights: Path | None) -> Extractor:
    """A network of torch-fidelity with weights from a file: a state_dict of torch.save.

    CLIP's own files are archives of TorchScript: taken when they are those of OpenAI, by their
    SHA-256. DINOv2 has no file: it comes from torch.hub, so once from the internet, then from its
    cache.

    Raises: ValueError when the file does not hold that network's weights, when its name carries the
    beginning of a SHA-256 that is not its own (weights-...-6726825d.pth), or without torch.hub.
    """
    if from_hub(name) and weights is not None:
        raise ValueError(f"{name} comes from torch.hub, not from a file: leave {weights} out.")
    if weights is None:
        return _described(name, *_network(name, None), None)
    with tempfile.TemporaryDirectory() as folder:
        # What is checked is what is read: nobody can change this copy in between.
        copy = Path(folder) / "given"
        if not weights.is_file():
            raise ValueError(f"{weights} does not exist: name the file of {name}'s weights.")
        shutil.copyfile(weights, copy)
        digest = _checked_sha256(weights, copy)
        safe = _safe(name, weights, copy, digest)
        try:
            network, probe = _network(name, safe)
        except ValueError as error:
            raise ValueError(
                f"{weights} holds no {name} weights of torch-fidelity ({error})."
            ) from error
    return _described(name, network, probe, digest)


def _checked_sha256(weights: Path, copy: Path) -> str:
    """Of the copy. Raises: ValueError when the name of the file promises another one."""
    with open(copy, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    promised = re.search(r"-([0-9a-f]{8})\.pth$", weights.name)
    if promised and not digest.startswith(promised[1]):
        raise ValueError(
            f"{weights} is damaged: its SHA-256 begins with {digest[:8]}, its name promises "
            f"{promised[1]}: download it again."
        )
    return digest


def _safe(name: str, weights: Path, copy: Path, digest: str) -> Path:
    """A file that torch-fidelity may load: tensors and nothing else, or OpenAI's own archive.

    Raises: ValueError for a file that holds anything but tensors by name.
    """
    from torch_fidelity.feature_extractor_clip import MODEL_METADATA

    if digest in {about["hash"] for about in MODEL_METADATA.values()}:
        return copy
    try:
        with warnings.catch_warnings(action="ignore"):  # of archives and protocols: told below
            state = torch.load(copy, map_location="cpu", weights_only=True)
    except Exception as error:  # many kinds: no zip file, no pickle, code in a pickle
        raise ValueError(
            f"{weights} holds no {name} weights: only files of plain tensors are loaded, as others "
            "could run code. Save the network's state_dict() with torch.save."
        ) from error
    if not isinstance(state, Mapping) or not all(
        isinstance(key, str) and isinstance(value, Tensor) for key, value in state.items()
    ):
        raise ValueError(f"{weights} holds no state_dict: tensors by name.")
    plain = copy.with_name("plain")
    try:
        if name in MODEL_METADATA:
            torch.jit.script(_holder(state)).save(str(plain))
        else:
            torch.save(dict(state), plain)
    except (AttributeError, KeyError, RuntimeError) as error:  # names that no module can have
        raise ValueError(f"{weights} holds no {name} weights: odd names ({error}).") from error
    return plain


def _holder(state: Mapping[str, Tensor]) -> nn.Module:
    """A module with this state_dict and no code: torch-fidelity wants CLIP as TorchScript."""
    holder = nn.Module()
    for name, value in state.items():
        *path, last = name.split(".")
        at = holder
        for part in path:
            if part not in dict(at.named_children()):
                at.add_module(part, nn.Module())
            at = at.get_submodule(part)
        at.register_buffer(last, value)
    return holder


def _network(name: str, weights: Path | None) -> tuple[nn.Module, tuple[Tensor, ...]]:
    """A network of torch-fidelity, and what it gives for two black images.

    Raises: ValueError with torch-fidelity's reason.
    """
    from torch_fidelity.registry import FEATURE_EXTRACTORS_REGISTRY

    kind = FEATURE_EXTRACTORS_REGISTRY[name]
    layers = [kind.get_default_feature_layer_for_metric("fid")]
    if name == "inception-v3-compat":
        layers.append("logits_unbiased")
    path = None if weights is None else str(weights)
    try:
        network = kind(name, layers, feature_extractor_weights_path=path).eval()
        return network, network(torch.zeros(2, 3, 32, 32, dtype=torch.uint8))
    except Exception as error:  # torch.load, load_state_dict and torch.hub raise many kinds
        reason = str(error).strip().split("\n")[0]
        if weights is None:
            reason = f"torch.hub could not give {name} ({reason}): it must be downloaded once."
        raise ValueError(reason) from error


def _described(
    name: str, network: nn.Module, probe: tuple[Tensor, ...], digest: str | None
) -> Extractor:
    def run(x: Tensor) -> tuple[Tensor, Tensor | None]:
        found = network(x.expand(-1, 3, -1, -1).contiguous())
        return found[0].float(), found[1].float() if len(found) > 1 else None

    return Extractor(
        name="inception" if name == "inception-v3-compat" else name,
        dim=probe[0].shape[1],
        sha256=digest or _state_sha256(network),
        preparation=f"grey repeated to RGB, {NOTES.get(name, 'resized by the network')}",
        run=run,
        classes=probe[1].shape[1] if len(probe) > 1 else None,
        details=f"{name} through torch-fidelity",
    )


def _state_sha256(network: nn.Module) -> str:
    """SHA-256 over the names and values of a network's weights."""
    digest = hashlib.sha256()
    for key, value in network.state_dict().items():
        digest.update(key.encode())
        digest.update(value.contiguous().numpy().data)
    return digest.hexdigest()
