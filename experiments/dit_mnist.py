"""A diffusion transformer that predicts the image (Li and He 2025) on the digits of MNIST."""

from imggen.data.datasets import DataConfig
from imggen.experiment import Experiment
from imggen.methods.dit import Config, DiT, Sampler
from imggen.training.config import TrainConfig

STEPS = 4_500

experiment = Experiment(
    slug="dit-mnist",
    title="A diffusion transformer on MNIST",
    method=DiT,
    settings=Config(lr_steps=STEPS),
    data=DataConfig(name="mnist"),
    train=TrainConfig(
        steps=STEPS, batch_size=512, precision="bf16", ema_halflife_images=90_000, clip_norm=1.0
    ),
    sampler=Sampler(guidance=1.35),
)

if __name__ == "__main__":
    experiment.main()
