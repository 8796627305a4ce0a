"""The `soundalike` command's first and last lines: how its modules are loaded, and how it ends.

Ctrl-C ends it silently while they are loaded.
"""

import signal

from soundalike.garbage_collection import importing, leave_to_the_system


def main() -> None:
    """Load the command line and run it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    with importing():
        from soundalike.cli import main as run  # noqa: PLC0415 - takes a second or more

    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        run()
    finally:
        leave_to_the_system()


if __name__ == "__main__":
    main()
