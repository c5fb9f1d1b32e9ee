"""R3GAN's loss (Huang et al. 2024) on DCGAN's networks: what the loss does by itself."""

from imggen.data.datasets import DataConfig
from imggen.experiment import Experiment
from imggen.methods.r3gan import R3GAN, Config
from imggen.training.config import TrainConfig

STEPS = 12_000

experiment = Experiment(
    slug="r3gan-strided-mnist",
    title="R3GAN's loss on DCGAN's networks",
    method=R3GAN,
    settings=Config(
        networks="strided", gamma_end=1.0, every=16, lr_end=0.0, schedule_steps=STEPS, z_dim=128
    ),
    data=DataConfig(name="mnist"),
    train=TrainConfig(steps=STEPS, batch_size=64, precision="bf16", ema_halflife_images=100_000),
)

if __name__ == "__main__":
    experiment.main()
