"""``python -m radu_core`` is ``radu``."""

from radu_core.cli import main

if __name__ == "__main__":
    main()
