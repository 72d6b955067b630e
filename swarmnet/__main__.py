"""`python -m swarmnet`: the command where it is not installed."""

from swarmnet.runtime.cli.starting import run

if __name__ == "__main__":
    run()
