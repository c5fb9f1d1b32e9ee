"""One VAE at seven prices of its code (Higgins et al. 2017): which units live, until none does."""

from imggen.data.datasets import DataConfig
from imggen.experiment import Experiment
from imggen.methods.vae import VAE, Config
from imggen.sweep import Sweep, Variant
from imggen.training.config import TrainConfig

STEPS, SHOWN = 4_000, ("frechet_distance", "precision", "recall", "coverage")
MNIST, TRAIN = DataConfig("mnist"), TrainConfig(STEPS, 200, ema_halflife_images=50_000, frames=0)


def training(beta: float) -> Variant:
    """The same networks, where a nat of the code costs as much as `beta` nats of the image."""
    config = Config(40, (200, 200), "silu", beta=beta, lr=2e-3, lr_final=1e-5, lr_steps=STEPS)
    experiment = Experiment(f"beta-{beta:g}", f"β = {beta:g}", VAE, config, MNIST, TRAIN)
    return Variant(f"β = {beta:g}", "VAE", experiment)


variants = tuple(map(training, (0.25, 0.5, 1, 2, 4, 10, 30)))
experiment = Sweep("beta-vae-mnist", "The price of a code", variants, SHOWN, latents=True)

if __name__ == "__main__":
    experiment.main()
