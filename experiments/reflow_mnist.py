"""Rectified flow, straightened once (Liu et al. 2023), on the training images of MNIST."""

from imggen.data.datasets import DataConfig
from imggen.experiment import Experiment
from imggen.methods.flow_matching import Config, FlowMatching, Sampler
from imggen.training.config import TrainConfig

STEPS = 3_800

experiment = Experiment(
    slug="reflow-mnist",
    title="Reflow on MNIST",
    method=FlowMatching,
    settings=Config(reflow_from=2_800, reflow_steps=4, lr_steps=STEPS),
    data=DataConfig(name="mnist"),
    train=TrainConfig(
        steps=STEPS, batch_size=512, precision="bf16", ema_halflife_images=90_000, clip_norm=1.0
    ),
    sampler=Sampler(),
)

if __name__ == "__main__":
    experiment.main()
