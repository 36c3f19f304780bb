"""The Annotate page: its queue, its items, what is decided."""
