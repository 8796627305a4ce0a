"""The API as a program: `python -m serving`."""

import sys

from serving.server import main
from soundalike.errors import SettingsError

if __name__ == "__main__":
    try:
        main()
    except SettingsError as error:
        sys.exit(str(error))
