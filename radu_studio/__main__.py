"""``python -m radu_studio`` is ``radu-studio``."""

from radu_studio.launch import main

if __name__ == "__main__":
    main()
