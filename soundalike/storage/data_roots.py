"""The data roots that this user has ingested into, so that a command can name them.

The list is kept in the user's state folder. It is a convenience: a file that is missing, damaged or
cannot be written is no error.
"""

import json
from contextlib import suppress
from pathlib import Path

import platformdirs

from soundalike.storage.atomic import atomic_file

MAX_REMEMBERED = 50


def _file() -> Path:
    return platformdirs.user_state_path("soundalike") / "data-roots.json"


def known_data_roots() -> list[Path]:
    """Return the remembered data roots that exist now, last used first."""
    return [path for path in _remembered() if path.is_dir()]


def remember_data_root(root: Path) -> None:
    """Put a data root first in the list."""
    others = [path for path in _remembered() if path != root]
    names = [str(path) for path in (root, *others)][:MAX_REMEMBERED]
    with suppress(OSError), atomic_file(_file()) as temporary:
        temporary.write_text(json.dumps(names, indent=1))


def _remembered() -> list[Path]:
    try:
        names = json.loads(_file().read_text())
    except (OSError, ValueError):
        return []
    return (
        [Path(name) for name in names if isinstance(name, str)] if isinstance(names, list) else []
    )
