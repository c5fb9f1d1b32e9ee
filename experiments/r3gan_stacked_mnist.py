"""R3GAN's loss (Huang et al. 2024) on the 1,000 modes of Stacked-MNIST, without labels."""

from imggen.data.datasets import DataConfig
from imggen.experiment import Experiment
from imggen.methods.r3gan import R3GAN, Config
from imggen.training.config import TrainConfig

STEPS = 12_000

experiment = Experiment(
    slug="r3gan-stacked-mnist",
    title="R3GAN's loss on Stacked-MNIST",
    method=R3GAN,
    settings=Config(
        networks="strided", gamma_end=1.0, every=16, lr_end=0.0, schedule_steps=STEPS, z_dim=128
    ),
    data=DataConfig(name="stacked_mnist"),
    train=TrainConfig(steps=STEPS, batch_size=64, precision="bf16", ema_halflife_images=100_000),
)

if __name__ == "__main__":
    experiment.main()
