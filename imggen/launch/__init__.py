"""Where a run starts: this machine's SLURM, another machine over SSH."""
