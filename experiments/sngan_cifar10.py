"""SNGAN with projection (Miyato et al. 2018) on JPEG copies of the photos of CIFAR-10."""

from imggen.data.datasets import DataConfig
from imggen.experiment import Experiment
from imggen.methods.sngan import SNGAN, Config, Sampler
from imggen.training.config import TrainConfig

STEPS = 16_000

experiment = Experiment(
    slug="sngan-cifar10-jpeg",
    title="SNGAN with projection on JPEG copies of CIFAR-10",
    method=SNGAN,
    settings=Config(lr_steps=STEPS),
    data=DataConfig(name="cifar10_jpeg"),
    train=TrainConfig(steps=STEPS, batch_size=128, precision="bf16", ema_halflife_images=200_000),
    sampler=Sampler(),
)

if __name__ == "__main__":
    experiment.main()
