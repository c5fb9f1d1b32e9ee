"""EDM (Karras et al. 2022) with a worse network as a guide (2024) on MNIST."""

from imggen.data.datasets import DataConfig
from imggen.experiment import Experiment
from imggen.methods.edm import EDM, Config, Sampler
from imggen.training.config import TrainConfig

STEPS = 5_500

experiment = Experiment(
    slug="edm-mnist",
    title="EDM on MNIST",
    method=EDM,
    settings=Config(width=56, guide_width=24, sigma_data=0.96, lr_steps=STEPS),
    data=DataConfig(name="mnist"),
    train=TrainConfig(
        steps=STEPS, batch_size=512, precision="bf16", ema_halflife_images=90_000, clip_norm=1.0
    ),
    sampler=Sampler(steps=9),
)

if __name__ == "__main__":
    experiment.main()
