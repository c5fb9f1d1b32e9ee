"""Wasserstein GAN with clipped weights (Arjovsky et al. 2017) on the training images of MNIST."""

from imggen.data.datasets import DataConfig
from imggen.experiment import Experiment
from imggen.methods.wgan import WGAN, Config
from imggen.training.config import TrainConfig

STEPS = 10_000

experiment = Experiment(
    slug="wgan-mnist",
    title="Wasserstein GAN on MNIST",
    method=WGAN,
    settings=Config(width=32),
    data=DataConfig(name="mnist"),
    train=TrainConfig(steps=STEPS, batch_size=64, precision="bf16", ema_halflife_images=100_000),
)

if __name__ == "__main__":
    experiment.main()
