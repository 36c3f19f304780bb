"""The Coverage page: the index, coverage, what if."""
