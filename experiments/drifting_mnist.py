"""Generative modelling by drifting (Deng et al. 2026) on the training images of MNIST."""

from imggen.data.datasets import DataConfig
from imggen.experiment import Experiment
from imggen.methods.drifting import Config, Drifting
from imggen.training.config import TrainConfig

STEPS = 6_500

experiment = Experiment(
    slug="drifting-mnist",
    title="Drifting on MNIST",
    method=Drifting,
    settings=Config(lr=2e-3, lr_steps=STEPS),
    data=DataConfig(name="mnist"),
    train=TrainConfig(
        steps=STEPS, batch_size=640, precision="bf16", ema_halflife_images=200_000, clip_norm=2.0
    ),
)

if __name__ == "__main__":
    experiment.main()
