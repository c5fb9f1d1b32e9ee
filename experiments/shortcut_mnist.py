"""Shortcut models (Frans et al. 2024) on the training images of MNIST."""

from imggen.data.datasets import DataConfig
from imggen.experiment import Experiment
from imggen.methods.shortcut import Config, Sampler, Shortcut
from imggen.training.config import TrainConfig

STEPS = 4_800

experiment = Experiment(
    slug="shortcut-mnist",
    title="Shortcut model on MNIST",
    method=Shortcut,
    settings=Config(lr_steps=STEPS),
    data=DataConfig(name="mnist"),
    train=TrainConfig(
        steps=STEPS, batch_size=512, precision="bf16", ema_halflife_images=90_000, clip_norm=1.0
    ),
    sampler=Sampler(),
)

if __name__ == "__main__":
    experiment.main()
