"""SNGAN with projection (Miyato et al. 2018) on the 1,000 modes of Stacked-MNIST."""

from imggen.data.datasets import DataConfig
from imggen.experiment import Experiment
from imggen.methods.sngan import SNGAN, Config, Sampler
from imggen.training.config import TrainConfig

STEPS = 20_000

experiment = Experiment(
    slug="sngan-stacked-mnist",
    title="SNGAN with projection on Stacked-MNIST",
    method=SNGAN,
    settings=Config(z_dim=64, width=48, lr_steps=STEPS),
    data=DataConfig(name="stacked_mnist"),
    train=TrainConfig(steps=STEPS, batch_size=64, precision="bf16", ema_halflife_images=100_000),
    sampler=Sampler(),
)

if __name__ == "__main__":
    experiment.main()
