"""`python -m swarmnet`: the command where it is not installed."""

from swarmnet.runtime.cli.main import main

if __name__ == "__main__":
    main()
