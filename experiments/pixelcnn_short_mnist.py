"""Gated PixelCNN whose features reach twelve rows: what it can't reach it can't know."""

from imggen.data.datasets import DataConfig
from imggen.experiment import Experiment
from imggen.methods.pixelcnn import Config, PixelCNN, Sampler
from imggen.training.config import TrainConfig

STEPS = 7_500

experiment = Experiment(
    slug="pixelcnn-short-mnist",
    title="Gated PixelCNN of short reach on MNIST",
    method=PixelCNN,
    settings=Config(dilations=(1, 2, 1, 2, 1, 2), lr_steps=STEPS),
    data=DataConfig(name="mnist"),
    train=TrainConfig(steps=STEPS, batch_size=32, ema_halflife_images=40_000),
    sampler=Sampler(),
)

if __name__ == "__main__":
    experiment.main()
