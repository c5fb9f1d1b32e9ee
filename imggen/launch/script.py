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
FOLDER, LOG = "scripts/slurm", "slurm-%j.log"


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
    gpus, seeds = Resources(None, 2, 4, 8, "04:00:00"), "$SLURM_ARRAY_TASK_ID"
    one, many, all_of = 'python "$@"', "seeds.sbatch", "all-experiments.sbatch"
    folder = f'"runs/$(basename "$1" .py)/seed-{seeds}"'
    each = f'{HERE}\nexperiment=$({TRAININGS} | sed -n "${{SLURM_ARRAY_TASK_ID:-9999}}p")\n'
    each += f'if [ -z "$experiment" ]; then\n    {_SAY} >&2\n    exit 2\nfi'
    return {
        "cpu.sbatch": _copy("cpu.sbatch", "An experiment on the CPUs of one node.", cpu, one),
        "one-gpu.sbatch": _copy("one-gpu.sbatch", "An experiment on one GPU.", gpu, one),
        "several-gpus.sbatch": _copy(
            "several-gpus.sbatch",
            "An experiment on several GPUs of several nodes, a process each; the batch is shared.",
            gpus,
            one,
        ),
        many: _copy(
            many,
            "An experiment with several seeds, each in a run directory of its own.",
            gpu,
            f'python "$@" --train.seed "{seeds}" \\\n    --run-dir {folder}',
            array="0-4",
        ),
        all_of: render(
            "Every training of experiments/, a task each; flags are handed on to all:\n"
            f"#     sbatch --array=1-$({TRAININGS} | wc -l) \\\n#         {FOLDER}/{all_of}",
            "imggen",
            gpu,
            lead=90,
            log="slurm-%A_%a.log",
            begin=each,
            command='python "$experiment" "$@"',
        ),
    }


_SAY = 'echo "error: name the tasks with --array, as the first lines of this file show"'


def _copy(
    name: str, title: str, resources: Resources, command: str, array: str | None = None
) -> str:
    path = f"{FOLDER}/{name}"
    return render(
        f"{title} Submit from the checkout:\n"
        f"#     sbatch {path} experiments/dcgan_mnist.py [flags of the experiment]",
        "imggen",
        resources,
        lead=90,
        log="slurm-%A_%a.log" if array else LOG,
        begin=NAMED.format(path=path) + HERE,
        command=command,
        array=array,
    )
