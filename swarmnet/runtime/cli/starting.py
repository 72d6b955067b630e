"""How the command starts: Ctrl-C while it loads ends it, and says nothing."""

import signal


def run() -> None:
    """Load the command, and carry out what it was called for."""
    heeded = signal.getsignal(signal.SIGINT)
    if heeded is signal.default_int_handler:
        # An exception would come out of whatever is being loaded, with a traceback.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from swarmnet.runtime.cli.main import PROGRAM, main  # noqa: PLC0415

    signal.signal(signal.SIGINT, heeded)
    main(prog_name=PROGRAM)
