"""VQ-VAE (van den Oord et al. 2017) with a transformer as its prior, on MNIST."""

from imggen.data.datasets import DataConfig
from imggen.experiment import Experiment
from imggen.methods.vqvae import VQVAE, Config, Sampler
from imggen.training.config import TrainConfig

STEPS = 8_000

experiment = Experiment(
    slug="vqvae-mnist",
    title="VQ-VAE on MNIST",
    method=VQVAE,
    settings=Config(first_stage_steps=4_000, lr_steps=STEPS),
    data=DataConfig(name="mnist"),
    train=TrainConfig(steps=STEPS, batch_size=128, ema_halflife_images=50_000, clip_norm=1.0),
    sampler=Sampler(),
)

if __name__ == "__main__":
    experiment.main()
