"""Image GPT (Chen et al. 2020) on binarised MNIST, for its likelihood."""

from imggen.data.datasets import DataConfig
from imggen.experiment import Experiment
from imggen.methods.igpt import Config, ImageGPT, Sampler
from imggen.training.config import TrainConfig

STEPS = 14_000

experiment = Experiment(
    slug="igpt-mnist",
    title="Image GPT on MNIST",
    method=ImageGPT,
    settings=Config(patch=(2, 4), lr_steps=STEPS),
    data=DataConfig(name="mnist"),
    train=TrainConfig(steps=STEPS, batch_size=32, ema_halflife_images=10_000, clip_norm=1.0),
    sampler=Sampler(),
)

if __name__ == "__main__":
    experiment.main()
