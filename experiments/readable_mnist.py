"""How often our classifier can read what each published generator of MNIST draws."""

from imggen.studies.readable import Readable

experiment = Readable(
    slug="readable-mnist",
    title="Can it be read?",
    generators=(
        "gan-mnist",
        "dcgan-mnist",
        "cgan-mnist",
        "infogan-mnist",
        "sngan-mnist",
        "wgan-mnist",
        "wgan-gp-mnist",
        "r1-mnist",
        "r3gan-mnist",
        "vae-mnist",
    ),
)

if __name__ == "__main__":
    experiment.main()
