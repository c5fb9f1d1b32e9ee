"""What guidance costs and buys on the transformer that predicts the image."""

from imggen.studies.trade import Trade

experiment = Trade(
    slug="guidance-dit-mnist",
    title="Guidance of a transformer",
    generator="dit-mnist",
    option="guidance",
    values=("1.0", "1.35", "2.0"),
    samples=2_000,
)

if __name__ == "__main__":
    experiment.main()
