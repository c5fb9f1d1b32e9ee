"""Samplers of diffusion models and flows: quality against passes of the network."""

from imggen.studies.ladder import Climb, Ladder

EXACT = "precision=fp32"

experiment = Ladder(
    slug="samplers-mnist",
    title="Samplers and their cost",
    lines=(
        Climb("DDPM, ancestral", "ddpm-mnist", (10, 25, 50), ("solver=ancestral", EXACT)),
        Climb("DDPM, DDIM", "ddpm-mnist", (5, 10, 25), ("solver=ddim", EXACT)),
        Climb("DDPM, DPM-Solver++", "ddpm-mnist", (5, 10, 20), ("solver=2m", EXACT)),
        Climb("EDM, Euler", "edm-mnist", (9, 18), ("solver=euler", EXACT)),
        Climb("EDM, Heun", "edm-mnist", (5, 9), ("solver=heun", EXACT)),
        Climb("EDM, DPM-Solver++", "edm-mnist", (5, 9, 18), ("solver=2m", EXACT)),
        Climb("flow, Euler", "flow-matching-mnist", (4, 8, 16, 32), ("solver=euler", EXACT)),
        Climb("flow, Heun", "flow-matching-mnist", (2, 4, 10), ("solver=heun", EXACT)),
    ),
    samples=2_000,
)

if __name__ == "__main__":
    experiment.main()
