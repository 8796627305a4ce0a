"""The data root's own folders, which no scan may take for music, wherever the music lies."""

from pathlib import Path

from soundalike.sources.ignore import IGNORE_FILE
from soundalike.storage.atomic import atomic_file
from soundalike.storage.layout import ArtifactStore

EVALUATION = "evaluation"  # `soundalike evaluate` keeps canonical audio there
HEADER = "# Written by soundalike: what is here was made from music, and is none.\n"


def leave_out_own_folders(data: Path) -> None:
    """Write an ignore file into the data root; links, mounts and other libraries find it as well.

    Where there is one of a person's own, into those folders of ours that hold audio.
    """
    store = ArtifactStore(data)
    audio = (store.canonical.parent, store.scratch, data / EVALUATION)
    others = (store.manifests, store.embeddings, store.indexes, store.segments)
    derived = (store.maps, store.columns)
    rest = (data / name for name in ("postgres", "dagster", "logs", "models"))
    lines = "".join(f"/{folder.name}/\n" for folder in (*audio, *others, *derived, *rest))
    ignore = data / IGNORE_FILE.decode()
    if not ignore.exists():
        _write(ignore, lines)
    elif not ignore.read_bytes().startswith(HEADER.encode()):
        for folder in audio:
            _write(folder / ignore.name, "*\n")


def _write(ignore: Path, lines: str) -> None:
    if not ignore.exists():
        with atomic_file(ignore) as temporary:
            temporary.write_text(HEADER + lines)
