"""The Load page's parts."""
