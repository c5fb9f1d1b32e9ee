"""InfoGAN (Chen et al. 2016) on the 60,000 training images of MNIST, without their labels."""

from imggen.data.datasets import DataConfig
from imggen.experiment import Experiment
from imggen.methods.infogan import Config, InfoGAN
from imggen.training.config import TrainConfig

STEPS = 8_000

experiment = Experiment(
    slug="infogan-mnist",
    title="InfoGAN on MNIST",
    method=InfoGAN,
    settings=Config(lr_steps=STEPS),
    data=DataConfig(name="mnist"),
    train=TrainConfig(steps=STEPS, batch_size=128, precision="bf16", ema_halflife_images=100_000),
)

if __name__ == "__main__":
    experiment.main()
