"""DCGAN (Radford et al. 2015) on the 60,000 training images of MNIST."""

from imggen.data.datasets import DataConfig
from imggen.experiment import Experiment
from imggen.methods.dcgan import DCGAN, Config
from imggen.training.config import TrainConfig

STEPS = 30_000

experiment = Experiment(
    slug="dcgan-mnist",
    title="DCGAN on MNIST",
    method=DCGAN,
    settings=Config(lr_G=1e-3, lr_steps=STEPS),
    data=DataConfig(name="mnist"),
    train=TrainConfig(steps=STEPS, batch_size=64, precision="bf16", ema_halflife_images=100_000),
)

if __name__ == "__main__":
    experiment.main()
