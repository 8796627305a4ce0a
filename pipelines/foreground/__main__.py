"""The first and last lines of `soundalike ingest`'s process: how it loads its modules, and ends."""

import sys

from soundalike.garbage_collection import importing, leave_to_the_system


def main() -> int:
    """Load the command and run it; return its exit code."""
    with importing():
        from pipelines.foreground.command import main as run  # noqa: PLC0415 - takes a second
    try:
        return run()
    finally:
        leave_to_the_system()


if __name__ == "__main__":
    sys.exit(main())
