"""Trial steps of a run, in a process of their own: what it will need."""
