"""One file per paper. Each holds a `Config` and a module that satisfies `Method`.

A paper whose samples can be drawn in more than one way (steps, guidance, truncation) also holds a
frozen `Sampler`. What a paper can do beyond `Method` is a protocol of its own: figures, metrics and
studies ask `isinstance(method, Reconstructs)`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, NamedTuple, Protocol, Self, runtime_checkable

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

Shape = tuple[int, int, int]
Panels = Mapping[str, tuple[str, ...]]
"""Statistics that are drawn together, by the label of their y-axis."""


class Spec(NamedTuple):
    """What a method knows before it sees an image.

    The data offer all that they have; a method keeps in its own `spec` what it makes use of: labels
    or a source, not both.
    """

    shape: Shape
    """(C, H, W) of one image."""
    classes: int = 0
    """Number of labels, 0 without."""
    source: Shape | None = None
    """(C, H, W) of the image that is the condition (a label map for a photo), None without."""


class Batch(NamedTuple):
    """Images and their conditions, from p(x | y)."""

    x: Tensor
    """(N, C, H, W) in [-1, 1]."""
    y: Tensor | None = None
    """Labels (N,) int64, or source images (N, *source) in [-1, 1]; None without a condition."""


class Minimize(Protocol):
    """The loop's own: zero_grad, backward, average over devices, clip, check, step.

    It moves the parameters of `optimizer` and no others. `lr` is the learning rate from this step
    on; without it that of the step before stays.
    """

    def __call__(self, loss: Tensor, optimizer: Optimizer, lr: float | None = None) -> None: ...


class Method(Protocol):
    """What the loop, the figures and the metrics ask of a paper: an `nn.Module`, and this.

    The class takes `(config, spec)` and raises ValueError for a spec that it can't serve (not
    square, say), or a setting that makes no sense.
    """

    spec: Spec
    optimizers: dict[str, Optimizer]
    panels: ClassVar[Panels]

    def __init__(self, config: Any, spec: Spec) -> None: ...

    def training_step(self, batch: Batch, step: int, minimize: Minimize) -> dict[str, Tensor]:
        """One step of the paper's algorithm; returns scalars worth logging."""
        ...

    def latents(self, n: int, generator: torch.Generator) -> Tensor:
        """`n` draws of what a sample is made from, (n, ...): vectors, noise images, uniforms."""
        ...

    def sample(self, z: Tensor, y: Tensor | None = None, sampler: Any = None) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] from latents (N, ...) and conditions as in `Batch.y`.

        `sampler` is an instance of the paper's `Sampler`; None takes its defaults. Further noise
        comes from torch's generator, which the caller seeds.
        """
        ...

    def published_state(self) -> dict[str, Tensor]:
        """The part of the state that sampling and evaluation need."""
        ...

    # What nn.Module gives.
    def parameters(self, recurse: bool = True) -> Iterator[nn.Parameter]: ...
    def buffers(self, recurse: bool = True) -> Iterator[Tensor]: ...
    def named_children(self) -> Iterator[tuple[str, nn.Module]]: ...
    def state_dict(self) -> dict[str, Tensor]: ...
    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> object: ...
    def eval(self) -> Self: ...
    def cpu(self) -> Self: ...
    def to(self, *args: Any, **kwargs: Any) -> Self: ...
    def requires_grad_(self, requires_grad: bool = True) -> Self: ...


@runtime_checkable
class Reconstructs(Protocol):
    """Gives images back through its latents."""

    def reconstruct(self, x: Tensor) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] -> the same, reconstructed."""
        ...


@runtime_checkable
class Encodes(Protocol):
    """Has one vector for each image."""

    def encode(self, x: Tensor) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] -> (N, d)."""
        ...


@runtime_checkable
class HasLikelihood(Protocol):
    """Knows how probable an image is, exactly or within bounds."""

    likelihood_note: ClassVar[str]
    """What the values are taken of: binarising, dequantising, number of importance samples."""

    def likelihood(self, x: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """Images (N, C, H, W) in [-1, 1] -> (N,) each, by their names in the catalogue of metrics.

        The method owns binarising, dequantising and units; noise comes from `generator`.
        """
        ...


@runtime_checkable
class Completes(Protocol):
    """Goes on with an image whose first rows are given, as one who draws from top to bottom."""

    row_step: int
    """It can begin after so many rows, and after multiples of that."""

    def complete(
        self, x: Tensor, rows: int, z: Tensor, y: Tensor | None = None, sampler: Any = None
    ) -> Tensor:
        """Images (N, C, H, W) in [-1, 1]: the first `rows` rows of `x`, the others from latents.

        The method owns binarising. Latents z (N, ...), conditions and sampler as in `sample`.

        Raises: ValueError where it can't stop after so many rows.
        """
        ...


@runtime_checkable
class HasSurprisals(Protocol):
    """Knows what each part of an image costs, given those before it."""

    def surprisals(self, x: Tensor) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] -> nats of their parts, as they lie (N, rows, columns).

        Of black and white ones, the nearer of both: all parts together are -log p.
        """
        ...


@runtime_checkable
class HasCodes(Protocol):
    """Has components of its latents that are meant to mean something, each by itself."""

    def turned(self, z: Tensor, steps: int) -> dict[str, Tensor]:
        """By code: latents (N, steps, ...), each row one of z (N, ...) with that code moved.

        A code goes from one end to the other; all else in a row stays.
        """
        ...


@runtime_checkable
class BoundsWeights(Protocol):
    """Has a critic whose weights one wants to look at: they are bounded, or were to be."""

    def critics_weights(self) -> Tensor:
        """All weights (n,) of its matrices and kernels."""
        ...


@runtime_checkable
class Exports(Protocol):
    """Can be written as ONNX graphs."""

    def graphs(self) -> dict[str, tuple[nn.Module, tuple[Tensor, ...]]]:
        """By file name without suffix: a module and example inputs."""
        ...
