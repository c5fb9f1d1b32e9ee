"""What a checkpoint of 50 million parameters costs, and how soon a stopped run is safe and back."""

from imggen.studies.checkpoints.study import Checkpoints

experiment = Checkpoints("checkpoints", "What it costs to be safe")

if __name__ == "__main__":
    experiment.main()
