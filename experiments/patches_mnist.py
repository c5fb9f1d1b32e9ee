"""Transformers that predict image, noise or velocity, from small and large patches (JiT, 2025)."""

from imggen.data.datasets import DataConfig
from imggen.experiment import Experiment
from imggen.methods.dit import Config, DiT, Prediction, Sampler
from imggen.sweep import Sweep, Variant
from imggen.training.config import TrainConfig

STEPS, WIDTH = 3_000, 64
SHOWN = ("frechet_distance", "precision", "recall", "coverage")
DATA = DataConfig("mnist", size=28)
TRAIN = TrainConfig(
    STEPS, 512, precision="bf16", ema_halflife_images=90_000, clip_norm=1.0, frames=0
)
SERIES: dict[Prediction, str] = {"x": "image", "epsilon": "noise", "v": "velocity"}


def training(patch: int, prediction: Prediction, series: str) -> Variant:
    """Tokens of `patch`² pixels, all in the same number of channels."""
    config = Config(prediction=prediction, patch=patch, width=WIDTH, lr_steps=STEPS)
    slug, title = f"{patch}-{prediction}", f"Patches of {patch} pixels, {series} predicted"
    experiment = Experiment(slug, title, DiT, config, DATA, TRAIN, Sampler())
    return Variant(f"{patch}x{patch} pixels", f"predicts the {series}", experiment)


variants = [training(patch, *each) for patch in (7, 14) for each in SERIES.items()]
experiment = Sweep("patches-mnist", "What a transformer should predict", tuple(variants), SHOWN)

if __name__ == "__main__":
    experiment.main()
