"""A GAN from 100, 500 and 5,000 digits, without and with DiffAugment (Zhao et al. 2020)."""

from imggen.data.datasets import DataConfig
from imggen.experiment import Experiment
from imggen.methods.diffaugment import Config, DiffAugment
from imggen.sweep import Sweep, Variant
from imggen.training.config import TrainConfig

STEPS, SHOWN = 6_000, ("frechet_distance", "precision", "coverage", "near_copies")
TRAIN = TrainConfig(STEPS, 64, precision="bf16", ema_halflife_images=100_000, frames=0)
PLAIN = Config(policy=(), z_dim=64, width=32, lr_steps=STEPS)
CHANGED = Config(policy=("translation", "cutout"), z_dim=64, width=32, lr_steps=STEPS)


def training(n: int, series: str, config: Config) -> Variant:
    """`n` images, seen as they are or changed."""
    data, slug = DataConfig("mnist", split=f"train[:{n}]"), f"{n}-{series.replace(' ', '-')}"
    experiment = Experiment(slug, f"{n:,} digits, {series}", DiffAugment, config, data, TRAIN)
    return Variant(f"{n:,} images", series, experiment)


policies = {"as they are": PLAIN, "changed": CHANGED}
variants = [training(n, *policy) for n in (100, 500, 5_000) for policy in policies.items()]
experiment = Sweep("few-images-mnist", "A GAN from few digits", tuple(variants), SHOWN)

if __name__ == "__main__":
    experiment.main()
