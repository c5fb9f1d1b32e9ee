"""Flow matching with minibatch optimal transport (Tong et al. 2024) on MNIST."""

from imggen.data.datasets import DataConfig
from imggen.experiment import Experiment
from imggen.methods.flow_matching import Config, FlowMatching, Sampler
from imggen.training.config import TrainConfig

STEPS = 5_500

experiment = Experiment(
    slug="flow-matching-ot-mnist",
    title="Flow matching with optimal pairs on MNIST",
    method=FlowMatching,
    settings=Config(pairing="optimal", lr_steps=STEPS),
    data=DataConfig(name="mnist"),
    train=TrainConfig(
        steps=STEPS, batch_size=512, precision="bf16", ema_halflife_images=90_000, clip_norm=1.0
    ),
    sampler=Sampler(),
)

if __name__ == "__main__":
    experiment.main()
