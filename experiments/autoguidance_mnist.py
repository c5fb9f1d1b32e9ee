"""Autoguidance of EDM: a network is steered away from its own worse version."""

from imggen.studies.trade import Trade

experiment = Trade(
    slug="autoguidance-mnist",
    title="Autoguidance of EDM",
    generator="edm-mnist",
    option="autoguidance",
    values=("1.0", "1.5", "2.0", "3.0"),
    samples=2_000,
)

if __name__ == "__main__":
    experiment.main()
