"""Radu Studio's core: from labelled utterances to a small, evaluated function-calling model.

The package is read in the order of its pipeline (see ``docs/explanation/architecture.md``);
importing it loads none of the heavy libraries.
"""

__version__ = "0.1.0"
__all__ = ["__version__"]
