"""VQ-VAE (van den Oord et al. 2017) on JPEG copies of the photos of CIFAR-10."""

from imggen.data.datasets import DataConfig
from imggen.experiment import Experiment
from imggen.methods.vqvae import VQVAE, Config, Sampler
from imggen.training.config import TrainConfig

STEPS = 8_000

experiment = Experiment(
    slug="vqvae-cifar10-jpeg",
    title="VQ-VAE on JPEG copies of CIFAR-10",
    method=VQVAE,
    settings=Config(first_stage_steps=4_500, codes=256, width=128, lr_steps=STEPS),
    data=DataConfig(name="cifar10_jpeg"),
    train=TrainConfig(steps=STEPS, batch_size=128, ema_halflife_images=50_000, clip_norm=1.0),
    sampler=Sampler(),
)

if __name__ == "__main__":
    experiment.main()
