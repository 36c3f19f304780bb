"""What trains: the loop and its loss, packing, saving, checkpoints; ``process`` is the program."""
