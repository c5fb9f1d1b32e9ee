"""Six generators of MNIST, each trained three times on a small budget: how far do they differ?"""

from dataclasses import replace

from imggen.data.datasets import DataConfig
from imggen.experiment import Experiment, OneWay
from imggen.methods import Method, cgan, dcgan, gan, r1, sngan, vae
from imggen.sweep import Sweep, Variant
from imggen.training.config import TrainConfig

STEPS, WIDTH, SEEDS = 5_000, 32, (0, 1, 2)
MNIST = DataConfig(name="mnist")
MLP = TrainConfig(STEPS, 64, ema_halflife_images=30_000, frames=0)
CONVOLUTIONS = replace(MLP, precision="bf16")


def trainings(
    method: type[Method], settings: object, train: TrainConfig, sampler: object = OneWay()
) -> list[Variant]:
    """One method, once for each seed."""
    name = method.__name__
    slugs = {seed: f"{name.lower()}-{seed}" for seed in SEEDS}
    trains = {seed: replace(train, seed=seed) for seed in SEEDS}
    return [
        Variant(
            name,
            f"seed {seed}",
            Experiment(slugs[seed], name, method, settings, MNIST, trains[seed], sampler),
        )
        for seed in SEEDS
    ]


unlabelled = sngan.Config(project=False, width=WIDTH, lr_steps=STEPS)
experiment = Sweep(
    slug="three-seeds-mnist",
    title="Three trainings each",
    variants=(
        *trainings(vae.VAE, vae.Config(lr=2e-3, lr_final=1e-5, lr_steps=STEPS), MLP),
        *trainings(gan.GAN, gan.Config(lr_steps=STEPS), MLP),
        *trainings(dcgan.DCGAN, dcgan.Config(width=WIDTH, lr_steps=STEPS), CONVOLUTIONS),
        *trainings(cgan.CGAN, cgan.Config(width=WIDTH, lr_steps=STEPS), CONVOLUTIONS),
        *trainings(r1.R1, r1.Config(width=WIDTH, lr_steps=STEPS), CONVOLUTIONS),
        *trainings(sngan.SNGAN, unlabelled, CONVOLUTIONS, sngan.Sampler()),
    ),
)

if __name__ == "__main__":
    experiment.main()
