"""From digits to noise and back, seen at every pass of the network."""

from imggen.studies.process import Process, Way

experiment = Process(
    slug="noise-and-back",
    title="To noise and back",
    ways=(
        Way("DDPM", "ddpm-mnist", ("solver=ancestral", "steps=25")),
        Way("flow", "flow-matching-mnist", ("solver=euler", "steps=25")),
    ),
)

if __name__ == "__main__":
    experiment.main()
