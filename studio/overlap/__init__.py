"""The Overlap page's parts."""
