"""Lists what soundalike keeps on this disk outside of its installation. Standard library only.

Nothing is removed: a data root holds what took hours to make.
"""

import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
OUTSIDE = Path("/var/lib/soundalike")  # of root only: soundalike/postgres/location.py


def main() -> None:
    """Print each place that exists, what it is, its size, and how to remove them."""
    found = [(path, what) for path, what in places() if path.exists()]
    for path, what in found:
        print(f"{size(path) / 1e6:9.1f} MB  {path}: {what}")
    if found:
        print("None of it is needed by others. To remove it all (indexes are read-only):")
        paths = " ".join(shlex.quote(str(path)) for path, _ in found)
        print(f"  chmod -R u+w {paths}")
        print(f"  rm -rf {paths}")
    else:
        print("Nothing of soundalike is left where it keeps things by itself.")
    print("Data roots that you named with DATA or SOUNDALIKE_DATA are where you named them.")
    print("What pip downloaded is in its cache, for all projects: `pip cache purge` empties it.")


def places() -> Iterator[tuple[Path, str]]:
    """Yield the places that soundalike uses by itself, and what each is."""
    mac = sys.platform == "darwin"
    application = Path.home() / "Library/Application Support"
    caches = Path.home() / "Library/Caches"
    share = application if mac else _folder("XDG_DATA_HOME", ".local/share")
    cache = caches if mac else _folder("XDG_CACHE_HOME", ".cache")
    if named := os.environ.get("SOUNDALIKE_DATA"):
        yield Path(named).expanduser(), "the data root that SOUNDALIKE_DATA names"
    yield ROOT / "data", "data roots of `make demo`"
    yield share / "soundalike", "the data root"
    yield cache / "soundalike", "weights of models"
    if not mac:  # there it is in the application's folder too
        state = _folder("XDG_STATE_HOME", ".local/state")
        yield state / "soundalike", "the list of data roots that were used"
    yield OUTSIDE, "databases of data roots that root used, and PostgreSQL's programs"


def size(folder: Path) -> int:
    """Return the bytes of all files below a folder, without following links."""
    files = (Path(parent) / name for parent, _, names in os.walk(folder) for name in names)
    return sum(file.lstat().st_size for file in files)


def _folder(variable: str, default: str) -> Path:
    return Path(os.environ.get(variable) or Path.home() / default)


if __name__ == "__main__":
    main()
