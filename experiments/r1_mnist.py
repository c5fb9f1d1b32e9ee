"""R1 (Mescheder et al. 2018) on the 60,000 training images of MNIST."""

from imggen.data.datasets import DataConfig
from imggen.experiment import Experiment
from imggen.methods.r1 import R1, Config
from imggen.training.config import TrainConfig

STEPS = 12_000

experiment = Experiment(
    slug="r1-mnist",
    title="R1 on MNIST",
    method=R1,
    settings=Config(z_dim=128, lr_steps=STEPS),
    data=DataConfig(name="mnist"),
    train=TrainConfig(steps=STEPS, batch_size=64, precision="bf16", ema_halflife_images=100_000),
)

if __name__ == "__main__":
    experiment.main()
