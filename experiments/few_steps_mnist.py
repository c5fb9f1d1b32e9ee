"""One step and a few: a flow, the same straightened, and two that were made for it."""

from imggen.studies.ladder import Climb, Ladder

experiment = Ladder(
    slug="few-steps-mnist",
    title="One step, two, four, eight",
    lines=(
        Climb("flow matching", "flow-matching-mnist", (1, 2, 4, 8), ("solver=euler",)),
        Climb("reflow", "reflow-mnist", (1, 2, 4, 8), ("solver=euler",)),
        Climb("shortcut", "shortcut-mnist", (1, 2, 4, 8)),
        Climb("MeanFlow", "mean-flow-mnist", (1, 2, 4, 8)),
    ),
)

if __name__ == "__main__":
    experiment.main()
