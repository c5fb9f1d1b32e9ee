"""DCGAN against VAE, both as published, on the test images of MNIST."""

from imggen.studies.comparison import Comparison

experiment = Comparison("gan-or-vae", "GAN or VAE?", first="dcgan-mnist", second="vae-mnist")

if __name__ == "__main__":
    experiment.main()
