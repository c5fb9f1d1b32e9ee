"""IWAE (Burda et al. 2015) with 50 latents an image on binarised MNIST, the VAE's networks."""

from imggen.data.datasets import DataConfig
from imggen.experiment import Experiment
from imggen.methods.iwae import IWAE, Config
from imggen.training.config import TrainConfig

STEPS = 42_000

experiment = Experiment(
    slug="iwae-mnist-50",
    title="IWAE with 50 latents on MNIST",
    method=IWAE,
    settings=Config(
        samples=50,
        z_dim=40,
        hidden=(360, 360),
        activation="silu",
        lr=2e-3,
        lr_final=1e-5,
        lr_steps=STEPS,
    ),
    data=DataConfig(name="mnist"),
    train=TrainConfig(steps=STEPS, batch_size=50, ema_halflife_images=200_000, log_steps=400),
)

if __name__ == "__main__":
    experiment.main()
