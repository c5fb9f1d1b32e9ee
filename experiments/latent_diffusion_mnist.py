"""Latent diffusion (Rombach et al. 2022) on the training images of MNIST."""

from imggen.data.datasets import DataConfig
from imggen.experiment import Experiment
from imggen.methods.latent_diffusion import Config, LatentDiffusion, Sampler
from imggen.training.config import TrainConfig

STEPS = 4_000

experiment = Experiment(
    slug="latent-diffusion-mnist",
    title="Latent diffusion on MNIST",
    method=LatentDiffusion,
    settings=Config(first_stage_steps=1_000, width=96, heads=3, lr_steps=STEPS),
    data=DataConfig(name="mnist"),
    train=TrainConfig(
        steps=STEPS, batch_size=256, precision="bf16", ema_halflife_images=50_000, clip_norm=1.0
    ),
    sampler=Sampler(),
)

if __name__ == "__main__":
    experiment.main()
