"""The `soundalike` command's first lines: Ctrl-C ends it silently while its modules are loaded."""

import signal


def main() -> None:
    """Load the command line and run it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from soundalike.cli import main as run  # noqa: PLC0415 - takes a second or more

    signal.signal(signal.SIGINT, signal.default_int_handler)
    run()


if __name__ == "__main__":
    main()
