"""Writes the job scripts of scripts/slurm/: what `imggen launch slurm` submits, to copy and change.

python scripts/make_sbatch.py
"""

from pathlib import Path

from imggen.launch.script import copies
from imggen.system.files import write_bytes

if __name__ == "__main__":
    for name, text in copies().items():
        path = Path(__file__).parent / "slurm" / name
        write_bytes(path, text.encode())
        path.chmod(0o755)
