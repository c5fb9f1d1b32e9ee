"""A GAN and a VAE, trained while everything goes wrong that can: do they end with the same bits?"""

from imggen.studies.chaos.child import Training
from imggen.studies.chaos.study import Config, Survival

experiment = Survival(
    slug="chaos",
    title="Faults on purpose",
    settings=Config(),
    trainings=(
        Training("GAN", "dcgan_mnist", ("--method.width", "8", "--method.z-dim", "8"), 1000),
        Training("VAE", "vae_mnist", ("--method.z-dim", "8", "--method.hidden", "64"), 2000),
    ),
)

if __name__ == "__main__":
    experiment.main()
