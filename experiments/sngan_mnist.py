"""SNGAN with a projection discriminator (Miyato et al. 2018) on the training images of MNIST."""

from imggen.data.datasets import DataConfig
from imggen.experiment import Experiment
from imggen.methods.sngan import SNGAN, Config, Sampler
from imggen.training.config import TrainConfig

STEPS = 20_000

experiment = Experiment(
    slug="sngan-mnist",
    title="SNGAN with projection on MNIST",
    method=SNGAN,
    settings=Config(lr_steps=STEPS),
    data=DataConfig(name="mnist"),
    train=TrainConfig(steps=STEPS, batch_size=64, precision="bf16", ema_halflife_images=100_000),
    sampler=Sampler(),
)

if __name__ == "__main__":
    experiment.main()
