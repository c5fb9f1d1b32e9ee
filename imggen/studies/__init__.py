"""Questions answered on real data and published like a run."""
