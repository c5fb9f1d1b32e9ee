"""How much is compared, and which samples."""

SAMPLES = 10_000
"""At most so many images of each set are compared, the same number of both."""
SEED = 0
