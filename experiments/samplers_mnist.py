"""Samplers of diffusion models and flows: quality against passes of the network."""

from imggen.studies.ladder import Climb, Ladder

experiment = Ladder(
    slug="samplers-mnist",
    title="Samplers and their cost",
    lines=(
        Climb("DDPM, ancestral", "ddpm-mnist", (10, 25, 50), ("solver=ancestral",)),
        Climb("DDPM, DDIM", "ddpm-mnist", (5, 10, 25), ("solver=ddim",)),
        Climb("DDPM, DPM-Solver++", "ddpm-mnist", (5, 10, 20), ("solver=2m",)),
        Climb("EDM, Euler", "edm-mnist", (9, 18), ("solver=euler",)),
        Climb("EDM, Heun", "edm-mnist", (5, 9), ("solver=heun",)),
        Climb("EDM, DPM-Solver++", "edm-mnist", (5, 9, 18), ("solver=2m",)),
        Climb("flow, Euler", "flow-matching-mnist", (4, 8, 16, 32), ("solver=euler",)),
        Climb("flow, Heun", "flow-matching-mnist", (2, 4, 10), ("solver=heun",)),
    ),
    samples=2_000,
)

if __name__ == "__main__":
    experiment.main()
