"""Two sets of images become every number, with what it means."""
