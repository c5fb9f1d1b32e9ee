"""What a training survives, tried on real ones: faults, the disk they strike, the children."""
