"""EDM (Karras et al. 2022) with a worse network as a guide (2024) on MNIST."""

from imggen.data.datasets import DataConfig
from imggen.experiment import Experiment
from imggen.methods.edm import EDM, Config, Sampler
from imggen.training.config import TrainConfig

STEPS = 12_500

experiment = Experiment(
    slug="edm-mnist",
    title="EDM on MNIST",
    method=EDM,
    settings=Config(
        width=48,
        guide_width=16,
        guide_every=8,
        sigma_data=0.96,
        P_mean=-0.55,
        lr=2e-3,
        lr_steps=STEPS,
    ),
    data=DataConfig(name="mnist"),
    train=TrainConfig(steps=STEPS, batch_size=64, ema_halflife_images=40_000, clip_norm=1.0),
    sampler=Sampler(solver="2m", steps=18, precision="fp32"),
)

if __name__ == "__main__":
    experiment.main()
