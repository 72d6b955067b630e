"""`python -m benchmarks`."""

import sys

from benchmarks.cli import call

if __name__ == "__main__":
    sys.exit(call())
