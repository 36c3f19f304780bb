"""What all workflows stand on: the workspace, its runs, its signed tokens, labelled rows."""
