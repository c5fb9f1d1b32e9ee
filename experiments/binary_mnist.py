"""What real digits score once a coin has made them black and white, as binary models are made."""

from imggen.studies.binary import Binary

experiment = Binary(slug="binary-mnist", title="What would a perfect model of binary digits score?")

if __name__ == "__main__":
    experiment.main()
