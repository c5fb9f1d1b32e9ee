"""One training as eight jobs that a real SLURM stops in every phase of their life."""

from imggen.studies.requeue.jobs import Plan
from imggen.studies.requeue.study import Requeue

experiment = Requeue(
    slug="requeue",
    title="Stopped by a cluster, and going on",
    script="experiments/gan_mnist.py",
    flags=("--data.name", "digits", "--train.steps", "600", "--train.checkpoint-seconds", "2"),
    plans=(
        Plan("undisturbed"),
        Plan("requeued as it begins", "requeue", "begins"),
        Plan("requeued as it trains", "requeue", "trains", after=3),
        Plan("requeued as it scores", "requeue", "scores"),
        Plan("pre-empted", "pre-empt", "trains", after=3, launch=("--partition", "kind")),
        Plan("node lost", "lose the node", "trains", after=4, launch=("--partition", "shaky")),
        Plan("turns of a minute", launch=("--time", "3", "--lead", "100")),
        Plan("gets nowhere", "requeue", "begins", times=9),
    ),
)

if __name__ == "__main__":
    experiment.main()
