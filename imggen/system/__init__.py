"""Files, devices, processes, signals, seeds, exit codes; knows no image."""
