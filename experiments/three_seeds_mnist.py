"""Six generators of MNIST, each trained three times on a small budget: how far do they differ?"""

from dataclasses import replace

from imggen.data.datasets import DataConfig
from imggen.experiment import Experiment
from imggen.methods import cgan, dcgan, gan, r1, sngan, vae
from imggen.sweep import Sweep, repeated
from imggen.training.config import TrainConfig

N, MNIST, OF = 3_000, DataConfig(name="mnist"), {"width": 32, "lr_steps": 3_000}
MLP = TrainConfig(N, 64, ema_halflife_images=30_000, frames=0)
BF16 = replace(MLP, precision="bf16")
trainings = (
    Experiment("vae", "VAE", vae.VAE, vae.Config(lr=2e-3, lr_final=1e-5, lr_steps=N), MNIST, MLP),
    Experiment("gan", "GAN", gan.GAN, gan.Config(lr_steps=N), MNIST, MLP),
    Experiment("dcgan", "DCGAN", dcgan.DCGAN, dcgan.Config(**OF), MNIST, BF16),
    Experiment("cgan", "CGAN", cgan.CGAN, cgan.Config(**OF), MNIST, BF16),
    Experiment("r1", "R1", r1.R1, r1.Config(**OF), MNIST, BF16),
    Experiment(
        "sngan", "SNGAN", sngan.SNGAN, sngan.Config(width=32, lr_steps=N), MNIST, BF16,
        sngan.Sampler(),
    ),
)  # fmt: skip
variants = tuple(variant for each in trainings for variant in repeated(each, seeds=range(3)))
experiment = Sweep("three-seeds-mnist", "Three trainings each", variants)

if __name__ == "__main__":
    experiment.main()
