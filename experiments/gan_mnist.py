"""The original GAN (Goodfellow et al. 2014) on the 60,000 training images of MNIST."""

from imggen.data.datasets import DataConfig
from imggen.experiment import Experiment
from imggen.methods.gan import GAN, Config
from imggen.training.config import TrainConfig

STEPS = 60_000

experiment = Experiment(
    slug="gan-mnist",
    title="The original GAN on MNIST",
    method=GAN,
    settings=Config(lr_steps=STEPS),
    data=DataConfig(name="mnist"),
    train=TrainConfig(steps=STEPS, batch_size=128, ema_halflife_images=100_000),
)

if __name__ == "__main__":
    experiment.main()
