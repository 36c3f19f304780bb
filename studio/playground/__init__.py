"""The Playground page's parts."""
