"""Conditional GAN (Mirza and Osindero 2014) on the 60,000 training images of MNIST."""

from imggen.data.datasets import DataConfig
from imggen.experiment import Experiment
from imggen.methods.cgan import CGAN, Config
from imggen.training.config import TrainConfig

STEPS = 12_000

experiment = Experiment(
    slug="cgan-mnist",
    title="Conditional GAN on MNIST",
    method=CGAN,
    settings=Config(lr_G=5e-4, lr_steps=STEPS),
    data=DataConfig(name="mnist"),
    train=TrainConfig(steps=STEPS, batch_size=64, precision="bf16", ema_halflife_images=100_000),
)

if __name__ == "__main__":
    experiment.main()
