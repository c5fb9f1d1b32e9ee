"""TarFlow (Zhai et al. 2024) on the digits of MNIST: with labels and noise, for its samples."""

from imggen.data.datasets import DataConfig
from imggen.experiment import Experiment
from imggen.methods.tarflow import Config, Sampler, TarFlow
from imggen.training.config import TrainConfig

STEPS = 10_000

experiment = Experiment(
    slug="tarflow-mnist",
    title="TarFlow on MNIST",
    method=TarFlow,
    settings=Config(lr_steps=STEPS),
    data=DataConfig(name="mnist"),
    train=TrainConfig(steps=STEPS, batch_size=64, ema_halflife_images=90_000, clip_norm=1.0),
    sampler=Sampler(guidance=3.0),
)

if __name__ == "__main__":
    experiment.main()
