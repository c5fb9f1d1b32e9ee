"""The only loop, and what makes it resume."""
