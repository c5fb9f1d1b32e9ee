"""The VAE's script, so slow at first that it can be stopped in the middle; quick once it resumed.

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
    advance, pause, begun_at = Trainer.advance, float(os.environ["PAUSE"]), list[int]()

    def slowly(self: Trainer) -> None:
        begun_at.append(self.step)
        time.sleep(0 if begun_at[0] else pause)
        advance(self)

    Trainer.advance = slowly
    experiment.main()
