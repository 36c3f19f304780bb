"""Rows and a config → a run directory that holds a model.

Each package imports only those above it:

- ``run``: what a run is: its config, its directory, its place in the queue, its card;
- ``worker``: what trains: the loop, the loss, packing, saving, checkpoints;
- ``probe``: trial steps, which tell what a run will need;
- ``joint``, ``contrastive``, ``lsr``: the three ways to tune a retriever;
- ``worker.process`` and ``probe.process``: the processes, which choose among these;
- ``watcher``: what starts, follows and stops a run, here or on Ray. It imports ``run`` only.
"""
