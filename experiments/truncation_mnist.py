"""How far from the middle SNGAN's latents may lie: coherence against variety."""

from imggen.studies.trade import Trade

experiment = Trade(
    slug="truncation-mnist",
    title="Truncation of SNGAN's latents",
    generator="sngan-mnist",
    option="truncation",
    values=("0.5", "0.8", "1.2", "1.6", "2.2", "None"),
)

if __name__ == "__main__":
    experiment.main()
