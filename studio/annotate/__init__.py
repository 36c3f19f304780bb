"""The Annotate page's parts, and the routes that its component calls."""
