"""Glow (Kingma and Dhariwal 2018) on the digits of MNIST, small."""

from imggen.data.datasets import DataConfig
from imggen.experiment import Experiment
from imggen.methods.glow import Config, Glow, Sampler
from imggen.training.config import TrainConfig

STEPS = 6_500

experiment = Experiment(
    slug="glow-mnist",
    title="Glow on MNIST",
    method=Glow,
    settings=Config(lr=2e-3, lr_steps=STEPS),
    data=DataConfig(name="mnist"),
    train=TrainConfig(steps=STEPS, batch_size=64, ema_halflife_images=100_000, clip_norm=1.0),
    sampler=Sampler(temperature=0.8),
)

if __name__ == "__main__":
    experiment.main()
