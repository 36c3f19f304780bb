"""What a run is: its config, its directory, its place in the queue, its card."""
