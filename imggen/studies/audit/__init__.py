"""The audit of the metrics: damage real digits, see which metric notices."""
