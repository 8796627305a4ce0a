"""Merging a listing with the catalog must say of each file what a look at both would say."""

from hypothesis import given
from hypothesis import strategies as st

from soundalike.catalog.library import KnownFile
from soundalike.ingest.compare import Change, change_of, side_by_side
from soundalike.sources.entry import Entry, EntryKind

PATHS = st.sampled_from(
    [b"a", b"a-", b"a/x", b"a/y", b"a.b", b"ab", b"b/c/x", b"b/c/y", b"b/d", b"c"]
)
FILES = st.dictionaries(PATHS, st.tuples(st.integers(0, 1), st.booleans(), st.booleans()))
FOUND = st.dictionaries(
    PATHS,
    st.tuples(
        st.sampled_from([EntryKind.MUSIC, EntryKind.CHANGING, EntryKind.LEFT_OUT]),
        st.integers(0, 1),
    ),
)
FOLDERS = st.dictionaries(
    st.sampled_from([b"", b"a/", b"b/", b"b/c/"]),
    st.sampled_from([EntryKind.UNSEEN, EntryKind.LEFT_OUT]),
)


@given(FILES, FOUND, FOLDERS)
def test_every_file_is_judged_once_by_what_speaks_for_it(
    files: dict[bytes, tuple[int, bool, bool]],
    found: dict[bytes, tuple[EntryKind, int]],
    folders: dict[bytes, EntryKind],
) -> None:
    speaking = {
        folder: kind
        for folder, kind in folders.items()
        if not any(folder != other and folder.startswith(other) for other in folders)
    }
    entries = {folder: Entry(folder, kind) for folder, kind in speaking.items()}
    entries |= {
        path: Entry(path, kind, size=size)
        for path, (kind, size) in found.items()
        if not any(path.startswith(folder) for folder in speaking)
    }
    known = {
        path: KnownFile(path, number, size, 0, gone, read)
        for number, (path, (size, gone, read)) in enumerate(files.items())
    }

    def entry_for(path: bytes) -> Entry | None:
        covering = [entries[folder] for folder in speaking if path.startswith(folder)]
        return entries.get(path) or (covering[0] if covering else None)

    expected = {path: change_of(file, entry_for(path)) for path, file in known.items()}
    expected |= {path: change_of(None, e) for path, e in entries.items() if path not in known}
    seen = {}
    in_order = lambda rows: iter([rows[path] for path in sorted(rows)])  # noqa: E731
    for file, entry in side_by_side(in_order(known), in_order(entries)):
        path = file.path if file else entry.path if entry else b"?"
        assert path not in seen
        seen[path] = change_of(file, entry)
    assert seen == expected


def test_what_each_pair_means() -> None:
    music, other_time = Entry(b"a", EntryKind.MUSIC, 1, 1), Entry(b"a", EntryKind.MUSIC, 1, 2)

    def known(*, gone: bool = False, read: bool = True) -> KnownFile:
        return KnownFile(b"a", 1, 1, 1, gone, read)

    assert change_of(None, music) is Change.NEW
    assert change_of(known(), music) is Change.NONE
    assert change_of(known(), other_time) is Change.CHANGED
    assert change_of(known(gone=True), other_time) is Change.CHANGED
    assert change_of(known(gone=True), music) is Change.RETURNED
    assert change_of(known(gone=True, read=False), music) is Change.AGAIN
    assert change_of(known(), None) is Change.MISSING
    assert change_of(known(gone=True), None) is Change.NONE
    assert change_of(known(), Entry(b"a", EntryKind.CHANGING)) is Change.NONE
    assert change_of(known(), Entry(b"", EntryKind.UNSEEN)) is Change.UNSEEN
    assert change_of(known(), Entry(b"a", EntryKind.LEFT_OUT)) is Change.LEFT_OUT
