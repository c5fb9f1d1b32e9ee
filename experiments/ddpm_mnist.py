"""Denoising diffusion (Ho et al. 2020) with the cosine schedule on the training images of MNIST."""

from imggen.data.datasets import DataConfig
from imggen.experiment import Experiment
from imggen.methods.ddpm import DDPM, Config, Sampler
from imggen.training.config import TrainConfig

STEPS = 5_500

experiment = Experiment(
    slug="ddpm-mnist",
    title="DDPM on MNIST",
    method=DDPM,
    settings=Config(lr_steps=STEPS),
    data=DataConfig(name="mnist"),
    train=TrainConfig(
        steps=STEPS, batch_size=512, precision="bf16", ema_halflife_images=90_000, clip_norm=1.0
    ),
    sampler=Sampler(solver="ancestral", steps=25),
)

if __name__ == "__main__":
    experiment.main()
