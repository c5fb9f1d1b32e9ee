"""MeanFlow (Geng et al. 2025) on the training images of MNIST."""

from imggen.data.datasets import DataConfig
from imggen.experiment import Experiment
from imggen.methods.mean_flow import Config, MeanFlow, Sampler
from imggen.training.config import TrainConfig

STEPS = 2_600

experiment = Experiment(
    slug="mean-flow-mnist",
    title="MeanFlow on MNIST",
    method=MeanFlow,
    settings=Config(flow_until=1_200, gaps=0.5, time_mean=0.0, time_std=2.0, lr_steps=STEPS),
    data=DataConfig(name="mnist"),
    train=TrainConfig(
        steps=STEPS, batch_size=256, precision="bf16", ema_halflife_images=50_000, clip_norm=1.0
    ),
    sampler=Sampler(),
)

if __name__ == "__main__":
    experiment.main()
