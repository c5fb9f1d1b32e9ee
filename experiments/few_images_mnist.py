"""A GAN from 100, 500 and 5,000 digits, without and with DiffAugment (Zhao et al. 2020)."""

from imggen.data.datasets import DataConfig
from imggen.experiment import Experiment
from imggen.methods.diffaugment import Change, Config, DiffAugment
from imggen.sweep import Sweep, Variant
from imggen.training.config import TrainConfig

STEPS = 10_000
POLICIES: dict[str, tuple[Change, ...]] = {"as they are": (), "changed": ("translation", "cutout")}


def training(n: int, series: str) -> Variant:
    """`n` images, seen as they are or changed."""
    experiment = Experiment(
        slug=f"{n}-{series.replace(' ', '-')}",
        title=f"{n:,} digits, {series}",
        method=DiffAugment,
        settings=Config(policy=POLICIES[series], z_dim=64, width=32, lr_steps=STEPS),
        data=DataConfig(name="mnist", split=f"train[:{n}]"),
        train=TrainConfig(STEPS, 64, precision="bf16", ema_halflife_images=100_000, frames=0),
    )
    return Variant(f"{n:,} images", series, experiment)


experiment = Sweep(
    slug="few-images-mnist",
    title="A GAN from few digits",
    variants=tuple(training(n, series) for n in (100, 500, 5_000) for series in POLICIES),
    shown=("frechet_distance", "precision", "coverage", "near_copies"),
)

if __name__ == "__main__":
    experiment.main()
