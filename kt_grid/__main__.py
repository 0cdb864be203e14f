"""`kt-grid` and `python -m kt_grid`."""

import signal
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line; until that listens to Ctrl-C, it ends the process without a word."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from kt_grid import cli

    cli.main()


if __name__ == "__main__":
    main()
