"""A package for each page, and ``frame``, what they all stand in."""
