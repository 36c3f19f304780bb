"""What starts, follows and stops a run: a process here, or a job on Ray."""
