"""The VAE's script, so slow at its first attempt that it can be stopped in the middle.

It waits, so that several at once cost no processor.
"""

import os
import runpy
import time
from pathlib import Path

from imggen.training.loop import Trainer

REPOSITORY = Path(__file__).resolve().parents[2]
experiment = runpy.run_path(str(REPOSITORY / "experiments" / "vae_mnist.py"))["experiment"]

if __name__ == "__main__":
    advance = Trainer.advance
    pause = 0.0 if "SLURM_RESTART_COUNT" in os.environ else float(os.environ["PAUSE"])

    def slowly(self: Trainer) -> None:
        time.sleep(pause)
        advance(self)

    Trainer.advance = slowly
    experiment.main()
