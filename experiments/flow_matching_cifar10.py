"""Flow matching (Lipman et al. 2023) on JPEG copies of the photos of CIFAR-10."""

from imggen.data.datasets import DataConfig
from imggen.experiment import Experiment
from imggen.methods.flow_matching import Config, FlowMatching, Sampler
from imggen.training.config import TrainConfig

STEPS = 7_000

experiment = Experiment(
    slug="flow-matching-cifar10-jpeg",
    title="Flow matching on JPEG copies of CIFAR-10",
    method=FlowMatching,
    settings=Config(lr_steps=STEPS),
    data=DataConfig(name="cifar10_jpeg"),
    train=TrainConfig(
        steps=STEPS, batch_size=512, precision="bf16", ema_halflife_images=90_000, clip_norm=1.0
    ),
    sampler=Sampler(),
)

if __name__ == "__main__":
    experiment.main()
