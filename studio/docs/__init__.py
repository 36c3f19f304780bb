"""The docs, as a page of the studio."""
