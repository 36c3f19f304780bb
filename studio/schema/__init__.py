"""The Schema page's parts."""
