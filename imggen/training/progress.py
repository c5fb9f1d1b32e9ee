"""What a person sees while a run trains: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING

from tqdm import tqdm

from imggen.runs.folder import RunDir
from imggen.system.errors import UserError
from imggen.training.config import TrainConfig

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

LINE_SECONDS = 15.0
"""Seconds between two plain lines when the output is not a terminal."""


class Progress:
    """Rows of statistics to stats.jsonl, a bar or lines with images/s and the time left."""

    def __init__(self, config: TrainConfig, step: int, is_main: bool, run: RunDir) -> None:
        self.config, self.run = config, run
        self.first_step, self.started, self.said = step, time.monotonic(), time.monotonic()
        self.bar: tqdm | None = None
        self.board: SummaryWriter | None = None
        if not is_main:
            return
        if sys.stderr.isatty():
            batch = config.batch_size
            self.bar = tqdm(
                total=config.steps * batch,
                initial=step * batch,
                unit=" images",
                unit_scale=True,
                dynamic_ncols=True,
            )
        if config.tensorboard:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError as error:
                raise UserError(
                    "--train.tensorboard needs a package that is not here: pip install tensorboard."
                ) from error
            self.board = SummaryWriter(str(run.path / "tensorboard"), purge_step=step)

    def row(self, step: int, means: dict[str, float], wall_seconds: float) -> None:
        """Writes one row; `means` are the statistics averaged since the row before."""
        images_per_second = (
            (step - self.first_step) * self.config.batch_size / (time.monotonic() - self.started)
        )
        timing = {
            "wall_seconds": round(wall_seconds, 3),
            "images_per_second": round(images_per_second, 1),
        }
        self.run.append_stats({"step": step, **timing, **means})
        if self.board is not None:
            for name, value in means.items():
                self.board.add_scalar(name, value, step)
        shown = "  ".join(f"{name} {value:.3f}" for name, value in means.items())
        if self.bar is not None:
            with contextlib.suppress(OSError):  # the terminal was closed
                self.bar.update(step * self.config.batch_size - self.bar.n)
                self.bar.set_postfix_str(shown)
        elif time.monotonic() - self.said > LINE_SECONDS or step == self.config.steps:
            self.said = time.monotonic()
            left = (self.config.steps - step) * self.config.batch_size / images_per_second
            self.run.log(
                f"step {step}/{self.config.steps}  {images_per_second:.0f} images/s  "
                f"{left:.0f} s left  {shown}"
            )

    def close(self) -> None:
        """Ends the bar's line and the TensorBoard file."""
        if self.bar is not None:
            with contextlib.suppress(OSError):
                self.bar.close()
        if self.board is not None:
            self.board.close()
