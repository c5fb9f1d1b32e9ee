"""A job of SLURM as one reads it: the script that goes to sbatch."""

from __future__ import annotations

from dataclasses import dataclass

TEMPLATE = """\
#!/usr/bin/env bash
# {title}
#SBATCH --job-name={name}
{directives}
# {lead} seconds before the time limit, and where the cluster wants its node back, the run is asked to
# save and stop. Back into the queue then, as after a node that was lost.
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
# same signals before Python could listen. Anything else is final, 2 for bad input among it: also
# for a run that gets nowhere, which stops itself at the fourth attempt.
case $code in
75 | 138 | 143)
    scontrol requeue "${{SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}}${{SLURM_ARRAY_TASK_ID:+_$SLURM_ARRAY_TASK_ID}}"
    ;;
esac
exit "$code"
"""

COPIED = """\
if [ $# = 0 ]; then
    echo "error: name the experiment: sbatch {path} experiments/dcgan_mnist.py" >&2
    exit 2
fi
cd "${{SLURM_SUBMIT_DIR:-.}}" || exit 2
# shellcheck disable=SC1091
[ -f .venv/bin/activate ] && . .venv/bin/activate"""


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
