"""What all workflows stand on: the workspace, its runs, what it signs, labelled rows."""
