"""The original GAN (Goodfellow et al. 2014) with a generator that learns too fast: it collapses."""

from imggen.data.datasets import DataConfig
from imggen.experiment import Experiment
from imggen.methods.gan import GAN, Config
from imggen.training.config import TrainConfig

experiment = Experiment(
    slug="gan-collapse-mnist",
    title="A GAN that collapses on MNIST",
    method=GAN,
    settings=Config(lr_G=2e-3, lr_D=2e-5),
    data=DataConfig(name="mnist"),
    train=TrainConfig(steps=6_000, batch_size=128, ema_halflife_images=0),
)

if __name__ == "__main__":
    experiment.main()
