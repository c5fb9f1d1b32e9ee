"""SNGAN against flow matching, both as published, on the test images of MNIST."""

from imggen.studies.comparison import Comparison

experiment = Comparison(
    "gan-or-flow", "GAN or flow?", first="sngan-mnist", second="flow-matching-mnist"
)

if __name__ == "__main__":
    experiment.main()
