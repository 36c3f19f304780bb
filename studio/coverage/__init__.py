"""The Coverage page's parts."""
