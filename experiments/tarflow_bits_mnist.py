"""TarFlow on dequantised digits of MNIST, for the bits of a pixel of 8 bits; without labels."""

from imggen.data.datasets import DataConfig
from imggen.experiment import Experiment
from imggen.methods.tarflow import Config, TarFlow
from imggen.training.config import TrainConfig

STEPS = 15_000

experiment = Experiment(
    slug="tarflow-bits-mnist",
    title="TarFlow on MNIST, for its likelihood",
    method=TarFlow,
    settings=Config(conditional=False, noise=0.0, lr_steps=STEPS),
    data=DataConfig(name="mnist"),
    train=TrainConfig(steps=STEPS, batch_size=64, ema_halflife_images=90_000, clip_norm=1.0),
)

if __name__ == "__main__":
    experiment.main()
