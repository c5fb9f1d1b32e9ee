"""A job of SLURM as one reads it: the script that goes to sbatch, and those to copy."""

from __future__ import annotations

from dataclasses import dataclass

TEMPLATE = """\
#!/usr/bin/env bash
# {title}
#SBATCH --job-name={name}
{directives}
# {lead} s before the time limit, and where the cluster wants its node back, the run is asked to
# save and stop. Then it goes back into the queue, as it does after a node was lost.
#SBATCH --signal=USR1@{lead}
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output={log}

set -uo pipefail
{begin}
export OMP_NUM_THREADS=${{SLURM_CPUS_PER_TASK:-1}} SRUN_CPUS_PER_TASK=${{SLURM_CPUS_PER_TASK:-1}}

srun {command}
code=$?

# 75: the run saved a checkpoint, or had none to save yet, and wants to go on. 138 and 143 are the
# same signals before Python could listen. All else is final; so is a run that gets nowhere: its
# fourth attempt says so and ends with 2.
case $code in
75 | 138 | 143)
    # Of an array only this task, not all of them.
    task=${{SLURM_ARRAY_TASK_ID:+_$SLURM_ARRAY_TASK_ID}}
    scontrol requeue "${{SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}}$task"
    ;;
esac
exit "$code"
"""

NAMED = """\
if [ $# = 0 ]; then
    echo "error: name the experiment: sbatch {path} experiments/dcgan_mnist.py" >&2
    exit 2
fi
"""
HERE = """\
cd "${SLURM_SUBMIT_DIR:-.}" || exit 2
# shellcheck disable=SC1091
[ -f .venv/bin/activate ] && . .venv/bin/activate"""
TRAININGS = "grep -l '^experiment = Experiment(' experiments/*.py"
ONE_SEED = """\
python "$@" --train.seed "$SLURM_ARRAY_TASK_ID" \\
    --run-dir "runs/$(basename "$1" .py)/seed-$SLURM_ARRAY_TASK_ID\""""
THIS_TASK = f"""\
experiment=$({TRAININGS} | sed -n "${{SLURM_ARRAY_TASK_ID:-9999}}p")
if [ -z "$experiment" ]; then
    echo "error: name the tasks with --array, as the first lines of this file show" >&2
    exit 2
fi"""
FOLDER, LOG, LOGS = "scripts/slurm", "slurm-%j.log", "slurm-%A_%a.log"
LEAD_SECONDS = 90
"""Between the signal and the time limit: time for the step at hand and a checkpoint."""


@dataclass(frozen=True)
class Resources:
    """What a job asks the cluster for."""

    partition: str | None
    nodes: int
    gpus: int
    """On each node; a process each. Without any, one process a node."""
    cpus: int
    """Of each process."""
    time: str | None
    account: str | None = None

    @property
    def tasks(self) -> int:
        """Processes on each node."""
        return max(self.gpus, 1)

    def directives(self, array: str | None) -> str:
        """Its #SBATCH lines."""
        asked = {
            "partition": self.partition,
            "account": self.account,
            "array": array,
            "nodes": self.nodes,
            "ntasks-per-node": self.tasks,
            "cpus-per-task": self.cpus,
            "gres": f"gpu:{self.gpus}" if self.gpus else None,
            "time": self.time,
        }
        return "\n".join(f"#SBATCH --{k}={v}" for k, v in asked.items() if v is not None)


def render(
    title: str,
    name: str,
    resources: Resources,
    *,
    lead: int,
    log: str,
    begin: str,
    command: str,
    array: str | None = None,
) -> str:
    """The script. `begin` goes to the right folder, `command` is what every process runs."""
    return TEMPLATE.format(
        title=title,
        name=name,
        directives=resources.directives(array),
        lead=lead,
        log=log,
        begin=begin,
        command=command,
    )


def copies() -> dict[str, str]:
    """The scripts of scripts/slurm/ by name, to copy and to change."""
    cpu, gpu = Resources(None, 1, 0, 4, "04:00:00"), Resources(None, 1, 1, 8, "04:00:00")
    gpus = Resources(None, 2, 4, 8, "04:00:00")
    several = "An experiment on several GPUs of several nodes, a process each; the batch is shared."
    seeds = "An experiment with several seeds, each in a run directory of its own."
    return {
        "cpu.sbatch": _copy("cpu.sbatch", "An experiment on the CPUs of one node.", cpu),
        "one-gpu.sbatch": _copy("one-gpu.sbatch", "An experiment on one GPU.", gpu),
        "several-gpus.sbatch": _copy("several-gpus.sbatch", several, gpus),
        "seeds.sbatch": _copy("seeds.sbatch", seeds, gpu, ONE_SEED, array="0-4"),
        "all-experiments.sbatch": _of_all("all-experiments.sbatch", gpu),
    }


def _copy(
    name: str,
    title: str,
    resources: Resources,
    command: str = 'python "$@"',
    array: str | None = None,
) -> str:
    path = f"{FOLDER}/{name}"
    return render(
        f"{title} Submit from the checkout:\n"
        f"#     sbatch {path} experiments/dcgan_mnist.py [flags of the experiment]",
        "imggen",
        resources,
        lead=LEAD_SECONDS,
        log=LOGS if array else LOG,
        begin=NAMED.format(path=path) + HERE,
        command=command,
        array=array,
    )


def _of_all(name: str, resources: Resources) -> str:
    return render(
        "Every training of experiments/, a task each; flags are handed on to all:\n"
        f"#     sbatch --array=1-$({TRAININGS} | wc -l) \\\n#         {FOLDER}/{name}",
        "imggen",
        resources,
        lead=LEAD_SECONDS,
        log=LOGS,
        begin=f"{HERE}\n{THIS_TASK}",
        command='python "$experiment" "$@"',
    )
