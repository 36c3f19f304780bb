"""The Schema page: a module, and every change of it."""
