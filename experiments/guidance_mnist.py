"""Classifier-free guidance of a flow: coherence bought with variety."""

from imggen.studies.trade import Trade

experiment = Trade(
    slug="guidance-mnist",
    title="Guidance of a flow",
    generator="flow-matching-mnist",
    option="guidance",
    values=("1.0", "1.3", "1.5", "2.0", "3.0"),
    samples=10_000,
)

if __name__ == "__main__":
    experiment.main()
