"""`python -m sim`."""

import sys

from sim.cli import call

if __name__ == "__main__":
    sys.exit(call())
