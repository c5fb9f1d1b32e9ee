"""R3GAN (Huang et al. 2024) on the 60,000 training images of MNIST."""

from imggen.data.datasets import DataConfig
from imggen.experiment import Experiment
from imggen.methods.r3gan import R3GAN, Config
from imggen.training.config import TrainConfig

STEPS = 7_000

experiment = Experiment(
    slug="r3gan-mnist",
    title="R3GAN on MNIST",
    method=R3GAN,
    settings=Config(lr=1e-3, lr_end=1e-4, schedule_steps=STEPS),
    data=DataConfig(name="mnist"),
    train=TrainConfig(steps=STEPS, batch_size=64, ema_halflife_images=100_000),
)

if __name__ == "__main__":
    experiment.main()
