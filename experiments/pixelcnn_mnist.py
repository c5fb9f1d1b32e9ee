"""Gated PixelCNN (van den Oord et al. 2016) on the binarised digits of MNIST."""

from imggen.data.datasets import DataConfig
from imggen.experiment import Experiment
from imggen.methods.pixelcnn import Config, PixelCNN, Sampler
from imggen.training.config import TrainConfig

STEPS = 9_000

experiment = Experiment(
    slug="pixelcnn-mnist",
    title="Gated PixelCNN on MNIST",
    method=PixelCNN,
    settings=Config(dilations=(1, 2, 4, 8, 4, 2), lr_steps=STEPS),
    data=DataConfig(name="mnist"),
    train=TrainConfig(steps=STEPS, batch_size=32, ema_halflife_images=40_000),
    sampler=Sampler(),
)

if __name__ == "__main__":
    experiment.main()
