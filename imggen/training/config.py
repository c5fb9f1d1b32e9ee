"""How long, how fast and how reproducibly to train."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from imggen.system.errors import UserError

Precision = Literal["fp32", "bf16"]


@dataclass(frozen=True)
class TrainConfig:
    """How long, how fast and how reproducibly to train."""

    steps: int = 1000
    """Training steps in all; asking a finished run for more goes on from where it ended."""
    batch_size: int = 64
    """Images per step over all devices together."""
    seed: int = 0
    """Seed of the initial weights, the order of the images and all noise."""
    device: str = "auto"
    """cpu, cuda, cuda:1, ...; auto takes CUDA when there is one."""
    precision: Precision = "fp32"
    """Arithmetic of the networks' forward passes: fp32, or bf16 by autocast."""
    ema_halflife_images: float = 20_000
    """Images after which old weights count half in the averaged weights; 0 turns averaging off."""
    ema_rampup: float = 0.05
    """The half-life is at most this fraction of the images seen so far; 0 turns averaging off."""
    clip_norm: float | None = None
    """Largest Euclidean norm of the gradients of one optimizer; None leaves them as they are."""
    log_steps: int = 50
    """Steps between two rows of stats.jsonl, each the mean over these steps."""
    checkpoint_seconds: float = 30.0
    """Seconds between two checkpoints."""
    frames: int = 48
    """Pictures of the same latents kept on the way, for the training GIF; below 2 keeps none."""
    tensorboard: bool = False
    """Also write the statistics to RUN_DIR/tensorboard."""

    def check(self) -> None:
        """Raises UserError when a value makes no sense."""
        for name in ("steps", "batch_size", "log_steps"):
            if getattr(self, name) < 1:
                flag = "--train." + name.replace("_", "-")
                raise UserError(f"{flag} is {getattr(self, name)}: give a whole number from 1 up.")
        if self.clip_norm is not None and not self.clip_norm > 0:
            raise UserError(f"--train.clip-norm is {self.clip_norm}: give a number above 0.")
        for name in ("ema_halflife_images", "ema_rampup", "checkpoint_seconds", "frames", "seed"):
            if not 0 <= getattr(self, name) < float("inf"):
                flag = "--train." + name.replace("_", "-")
                raise UserError(f"{flag} is {getattr(self, name)}: give a finite number from 0 up.")

    def refuse_undivided(self, processes: int) -> None:
        """Raises UserError when a step's images can't be shared by so many processes."""
        if self.batch_size % processes:
            raise UserError(
                f"--train.batch-size {self.batch_size} does not divide by {processes} processes: "
                "choose a multiple."
            )

    def refuse_few(self, images: int) -> None:
        """Raises UserError when a step asks for more images than there are."""
        if self.batch_size > images:
            raise UserError(
                f"--train.batch-size {self.batch_size} is more than the {images} images to train "
                "on: give at most as many."
            )


def frame_steps(config: TrainConfig) -> set[int]:
    """Steps at which a frame is kept: dense at first, when most changes, and the last one."""
    count = config.frames
    return (
        {round(config.steps * (i / (count - 1)) ** 2) for i in range(count)} if count > 1 else set()
    )
