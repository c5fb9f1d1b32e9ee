"""WGAN with gradient penalty (Gulrajani et al. 2017) on the 60,000 training images of MNIST."""

from imggen.data.datasets import DataConfig
from imggen.experiment import Experiment
from imggen.methods.wgan_gp import WGANGP, Config
from imggen.training.config import TrainConfig

STEPS = 16_000

experiment = Experiment(
    slug="wgan-gp-mnist",
    title="WGAN-GP on MNIST",
    method=WGANGP,
    settings=Config(lr=2e-4, lr_steps=STEPS),
    data=DataConfig(name="mnist"),
    train=TrainConfig(steps=STEPS, batch_size=64, precision="bf16", ema_halflife_images=100_000),
)

if __name__ == "__main__":
    experiment.main()
