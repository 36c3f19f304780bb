"""The Load page: files in and out, imports, what resolves, splits."""
