"""VAE (Kingma and Welling 2013) on binarised MNIST, trained long for its likelihood."""

from imggen.data.datasets import DataConfig
from imggen.experiment import Experiment
from imggen.methods.vae import VAE, Config
from imggen.training.config import TrainConfig

STEPS = 240_000

experiment = Experiment(
    slug="vae-mnist",
    title="VAE on MNIST",
    method=VAE,
    settings=Config(
        z_dim=40, hidden=(360, 360), activation="silu", lr=2e-3, lr_final=1e-5, lr_steps=STEPS
    ),
    data=DataConfig(name="mnist"),
    train=TrainConfig(steps=STEPS, batch_size=100, ema_halflife_images=200_000, log_steps=600),
)

if __name__ == "__main__":
    experiment.main()
