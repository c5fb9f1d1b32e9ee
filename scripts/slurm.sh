#!/usr/bin/env bash
# Runs an experiment on a SLURM cluster and puts it back into the queue until it is finished:
#     sbatch scripts/slurm.sh experiments/dcgan_mnist.py [flags of the experiment]
#SBATCH --job-name=imggen
#SBATCH --output=slurm-%j.log
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --signal=USR1@90
#SBATCH --time=04:00:00
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=4
# On clusters with GPUs add, for example:  sbatch --gres=gpu:1 scripts/slurm.sh ...

set -uo pipefail
if [ $# = 0 ]; then
    echo "error: name the experiment: sbatch scripts/slurm.sh experiments/dcgan_mnist.py" >&2
    exit 2
fi
cd "${SLURM_SUBMIT_DIR:-.}"
# shellcheck disable=SC1091
[ -f .venv/bin/activate ] && . .venv/bin/activate

# srun's step gets USR1 before the time limit and TERM when it is pre-empted: the run saves a
# checkpoint and ends with 75. 138 and 143 are the same signals before Python could listen.
srun python "$@"
code=$?
if [[ "$code" =~ ^(75|138|143)$ ]] && [ -n "${SLURM_JOB_ID:-}" ]; then
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
