"""The data root's own folders, which no scan may take for music, wherever the music lies."""

from collections.abc import Iterable
from pathlib import Path

from soundalike.sources.ignore import IGNORE_FILE
from soundalike.sources.roots import MusicRoot
from soundalike.storage.atomic import atomic_file
from soundalike.storage.layout import ArtifactStore

EVALUATION = "evaluation"  # `soundalike evaluate` keeps canonical audio there
EVERYTHING = "# Written by soundalike: what is here was made from music, and is none.\n*\n"


def leave_out_own_folders(data: Path, roots: Iterable[MusicRoot]) -> None:
    """Write ignore files into the data root: into its own folders, if there is music in it too.

    Links, mounts and other libraries find them as well. A file that is there already stays.
    """
    data = data.resolve()
    has_music = any(root.folder.is_relative_to(data) for root in roots if not root.is_bucket)
    store = ArtifactStore(data)
    own = (
        *(store.canonical.parent, store.scratch, store.manifests, store.embeddings, store.indexes),
        data / EVALUATION,
    )
    for folder in own if has_music else (data,):
        ignore = folder / IGNORE_FILE.decode()
        if not ignore.exists():
            with atomic_file(ignore) as temporary:
                temporary.write_text(EVERYTHING)
