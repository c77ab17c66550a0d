"""``python -m exposer`` is the ``exposer`` command."""

import sys

from exposer.cli import main

if __name__ == "__main__":
    sys.exit(main())
