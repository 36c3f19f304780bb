"""The model card of a run: a Markdown file that goes with its model."""
