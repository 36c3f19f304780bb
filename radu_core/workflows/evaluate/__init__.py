"""The Evaluate page: measuring a run, and asking it."""
